import { describe, expect, it } from "vitest";
import { addVary } from "../../../shared/http/vary.ts";

describe("addVary", () => {
  it("adds a name once", () => {
    const vary = (value?: string) => {
      const headers = new Headers(value === undefined ? {} : { Vary: value });
      addVary(headers, "Origin");
      return headers.get("vary");
    };
    expect(vary()).toBe("Origin");
    expect(vary("Accept-Encoding")).toBe("Accept-Encoding, Origin");
    expect(vary("accept, ORIGIN")).toBe("accept, ORIGIN");
    expect(vary("*")).toBe("*");
    expect(vary("X-Origin")).toBe("X-Origin, Origin");
  });
});
