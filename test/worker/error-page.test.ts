import { describe, expect, it } from "vitest";
import { errorPage, PAGE_POLICY } from "../../worker/error-page.ts";

describe("errorPage", () => {
  const page = errorPage(404, "host_unknown", "No host of this name is configured", "abc-1");

  it("says what happened, with code and request id", () => {
    for (const text of ["404", "No host of this name is configured.", "host_unknown", "abc-1"])
      expect(page).toContain(text);
  });

  it("has the one style that its policy allows, and nothing that runs", async () => {
    const style = /<style>(.*?)<\/style>/s.exec(page)?.[1] ?? "";
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
    expect(PAGE_POLICY).toContain(`'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`);
    expect(PAGE_POLICY).toMatch(/^default-src 'none'; .*sandbox$/);
    expect(page).not.toMatch(/<script| on\w+=|style=|https?:/);
  });
});
