import { describe, expect, it } from "vitest";
import { passesIn, withVia } from "../../../shared/http/via.ts";

describe("withVia", () => {
  it("adds this proxy at the end", () => {
    expect(withVia(null)).toBe("1.1 causeway");
    expect(withVia("1.0 fred, 1.1 p.example.net (Apache)")).toBe(
      "1.0 fred, 1.1 p.example.net (Apache), 1.1 causeway",
    );
  });
});

describe("passesIn", () => {
  it("counts this proxy's entries and no other's", () => {
    expect(passesIn("1.1 causeway, HTTP/1.1 Causeway , 2 causeway,1.1 causeways, 1.1 my.causeway")).toBe(3);
    expect(passesIn("")).toBe(0);
  });

  it("counts what it has added", () => {
    let via: string | null = null;
    for (let pass = 0; pass < 5; pass++) via = withVia(via);
    expect(passesIn(via ?? "")).toBe(5);
  });
});
