import { describe, expect, it } from "vitest";
import { publicCookie } from "../../../shared/http/set-cookie.ts";

function rewrite(cookie: string, base = "", rewritten = { strip: "", add: "" }): string {
  const hosts = { upstreamHost: "app.internal", publicHost: "app.example.com" };
  return publicCookie(cookie, { ...hosts, base, rewrite: rewritten });
}

describe("publicCookie", () => {
  it("turns the upstream's own host into the public one", () => {
    expect(rewrite("a=b; Domain=app.internal; Secure")).toBe("a=b; Domain=app.example.com; Secure");
    expect(rewrite("a=b;domain = .APP.internal ;HttpOnly")).toBe("a=b;domain = app.example.com;HttpOnly");
  });

  it("leaves every other cookie byte for byte", () => {
    for (const cookie of [
      "a=b",
      "a=domain=app.internal; Path=/x; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
      "a=b; Domain=other.test",
      "a=b; Domain=internal",
      "a=b; Domain",
      "a=b; Path=; SameSite=Lax",
      "domain=app.internal",
      "",
      ";;",
    ])
      expect(rewrite(cookie)).toBe(cookie);
  });

  it("takes no longer for long cookies than for short ones", () => {
    const startedAt = Date.now();
    for (const part of ["; Path= ", " ", ";", "; Domain=", "Path"])
      rewrite(`a=b; Path=/${part.repeat(20_000)}x`);
    expect(Date.now() - startedAt).toBeLessThan(1_000);
  });

  it("undoes what was done to paths", () => {
    const prefixes = { strip: "/api", add: "/v2" };
    expect(rewrite("a=b; Path=/base/v2/x", "/base/v2", prefixes)).toBe("a=b; Path=/api/x");
    expect(rewrite("a=b; Path=/base/v2", "/base/v2", prefixes)).toBe("a=b; Path=/api");
    expect(rewrite("a=b; Path=/other", "/base/v2", prefixes)).toBe("a=b; Path=/other");
  });

  it("lets a cookie for all of the upstream's site be one for all that is public of it", () => {
    expect(rewrite("a=b; Path=/", "/base")).toBe("a=b; Path=/");
    expect(rewrite("a=b; Path=/", "/v2", { strip: "/api", add: "/v2" })).toBe("a=b; Path=/api");
    expect(rewrite("a=b; Path=/base/", "/base/v2", { strip: "", add: "/v2" })).toBe("a=b; Path=/");
  });
});
