import { describe, expect, it } from "vitest";
import { isolated } from "../../../worker/control/isolation.ts";

describe("isolated", () => {
  it("puts right what an answer lacks, and takes off what acts on the whole origin", () => {
    const { headers } = isolated(
      new Response("<script>alert(1)</script>", {
        headers: {
          "Content-Security-Policy": "script-src sandbox.test",
          "Set-Cookie": "causeway=planted",
          "Clear-Site-Data": '"*"',
          "Service-Worker-Allowed": "/",
          Refresh: "0",
        },
      }),
    );
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
    for (const name of ["set-cookie", "refresh", "clear-site-data", "service-worker-allowed"])
      expect([name, headers.get(name)]).toEqual([name, null]);
  });

  it("leaves a sandboxed answer as it is", () => {
    const policy = "img-src 'self'; sandbox";
    const response = new Response("", {
      headers: { "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff" },
    });
    expect(isolated(response)).toBe(response);
    expect(response.headers.get("content-security-policy")).toBe(policy);
  });
});
