import { describe, expect, it } from "vitest";
import { CONTROL, send, testEnv } from "./support.ts";

describe("the page", () => {
  it("comes with a policy under which nothing foreign runs, loads or frames", async () => {
    const response = await send("/");
    expect(response.status).toBe(200);
    const policy = response.headers.get("content-security-policy") ?? "";
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
    ])
      expect(policy.split("; ")).toContain(rule);
    expect(policy).not.toContain("unsafe");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("x-frame-options")).toBe("DENY");
    expect(response.headers.has("x-request-id")).toBe(true);
    expect(await response.text()).toContain("<!doctype html>");
  });

  it("is asked for without the visitor's cookie and token", async () => {
    let seen: Request | undefined;
    const fetch = async (input: RequestInfo | URL, init?: RequestInit) => {
      seen = new Request(input, init);
      return new Response("ok");
    };
    const env = { ...testEnv, ASSETS: { fetch } as unknown as Fetcher };
    await send(
      "/app.js?x=1",
      { headers: { Cookie: "causeway=secret", Authorization: "Bearer secret" } },
      env,
    );
    expect(new URL(seen?.url ?? "").pathname).toBe("/app.js");
    expect(JSON.stringify([...(seen?.headers ?? [])])).not.toContain("secret");
  });

  it.each(["//[", "//evil.test/app.js", "//evil.test:99999/"])("says 404 to %s", async (path) => {
    expect((await send(`${CONTROL}${path}`)).status).toBe(404);
  });

  it("says 404 as a page or as JSON", async () => {
    const html = await send("/nothing", { headers: { Accept: "text/html" } });
    expect([html.status, html.headers.get("content-type")]).toEqual([404, "text/html; charset=utf-8"]);
    const json = await send(`${CONTROL}/nothing`);
    expect([json.status, json.headers.get("content-type")]).toEqual([404, "application/json"]);
  });
});
