import { describe, expect, it } from "vitest";
import { basicCredentials } from "../../../shared/http/basic-credentials.ts";

describe("basicCredentials", () => {
  it("decodes user and password, in UTF-8, and takes what is no encoding as it stands", () => {
    const plain = (url: string) =>
      Buffer.from(basicCredentials(new URL(url)).slice("Basic ".length), "base64").toString();
    expect(plain("http://alice:p%40ss@a.test/")).toBe("alice:p@ss");
    expect(plain("http://j%C3%BCrgen:@a.test/")).toBe("jürgen:");
    expect(plain("http://a%zz:b@a.test/")).toBe("a%zz:b");
  });
});
