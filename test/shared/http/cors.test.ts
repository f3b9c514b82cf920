import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalOrigin, compileCors } from "../../../shared/http/cors.ts";

const CONFIG = {
  origins: ["https://app.example.com", "https://*.example.org"],
  methods: ["GET", "PUT"],
  headers: ["X-Token"],
  expose: ["X-Id"],
  credentials: true,
  max_age: 90_500,
};

function allowed(origins: string[], origin: string): boolean {
  return compileCors({ ...CONFIG, origins }).replyFields(origin).length > 0;
}

describe("compileCors", () => {
  it("lets in configured origins and no other", () => {
    const origins = ["https://app.example.com", "http://b.test:8080", "https://BÜCHER.example:443"];
    for (const origin of ["https://app.example.com", "http://b.test:8080", "https://xn--bcher-kva.example"])
      expect(allowed(origins, origin), origin).toBe(true);
    for (const origin of [
      "http://app.example.com",
      "https://app.example.com:8443",
      "https://app.example.com.evil.test",
      "https://evil.test/https://app.example.com",
      "https://xapp.example.com",
      "http://b.test",
      "null",
      "",
    ])
      expect(allowed(origins, origin), origin).toBe(false);
  });

  it("lets in the origins below a wildcard, and not the name itself", () => {
    const origins = ["https://*.example.org", "http://*.test:81"];
    for (const origin of ["https://a.example.org", "https://a.b.example.org", "http://x.test:81"])
      expect(allowed(origins, origin), origin).toBe(true);
    for (const origin of [
      "https://example.org",
      "https://.example.org",
      "http://a.example.org",
      "https://evil.test/.example.org",
      "https://evil.test#.example.org",
      "https://evil.test@a.example.org",
      "https://a..example.org",
      "https://evilexample.org",
      "http://x.test",
    ])
      expect(allowed(origins, origin), origin).toBe(false);
  });

  it("never echoes what could begin another field", () => {
    const cors = compileCors(CONFIG);
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const origin = `https://${text}.example.org`;
        for (const [, value] of cors.replyFields(origin)) expect(value).toMatch(/^[\x20-\x7e]+$/);
      }),
    );
  });

  it("answers any origin alike under *", () => {
    const cors = compileCors({ ...CONFIG, origins: ["*"], credentials: false });
    expect(cors.varies).toBe(false);
    expect(cors.replyFields("null")).toEqual([
      ["access-control-allow-origin", "*"],
      ["access-control-expose-headers", "X-Id"],
    ]);
    expect(cors.replyFields(null)).toEqual([]);
  });

  it("answers a preflight with what is allowed", () => {
    expect(compileCors(CONFIG).preflightFields("https://app.example.com")).toEqual([
      ["access-control-allow-origin", "https://app.example.com"],
      ["access-control-allow-credentials", "true"],
      ["access-control-allow-methods", "GET, PUT"],
      ["access-control-allow-headers", "X-Token"],
      ["access-control-max-age", "90"],
    ]);
    expect(compileCors(CONFIG).preflightFields("https://evil.test")).toEqual([]);
  });
});

describe("canonicalOrigin", () => {
  it("spells an origin as browsers do", () => {
    expect(canonicalOrigin("HTTPS://App.Example.com:443")).toBe("https://app.example.com");
    expect(canonicalOrigin("https://*.Bücher.example")).toBe("https://*.xn--bcher-kva.example");
    expect(canonicalOrigin("*")).toBe("*");
    expect(canonicalOrigin("https://a:99999")).toBeUndefined();
  });
});
