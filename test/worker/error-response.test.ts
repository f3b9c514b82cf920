import { afterEach, describe, expect, it, vi } from "vitest";
import { CausewayError } from "../../shared/errors.ts";
import { errorResponse, failureResponse, withFields } from "../../worker/error-response.ts";

function context(headers: Record<string, string> = {}) {
  return { requestId: "abc-1", request: new Request("http://app.test/", { headers }) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("errorResponse", () => {
  it("answers JSON with code, sentence and request id", async () => {
    const response = errorResponse(new CausewayError("host_unknown"), context());
    expect(response.status).toBe(404);
    expect(response.headers.get("x-request-id")).toBe("abc-1");
    expect(await response.json()).toEqual({
      error: { code: "host_unknown", message: expect.any(String), request_id: "abc-1" },
    });
  });

  it("answers a page to clients that take one, and lets nothing run in it", async () => {
    const response = errorResponse(
      new CausewayError("upstream_timeout"),
      context({ Accept: "text/html,*/*" }),
    );
    expect(response.status).toBe(504);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'none'; .*sandbox$/);
    expect(response.headers.get("x-request-id")).toBe("abc-1");
    expect(await response.text()).toContain("upstream_timeout");
  });

  it("answers JSON on the control plane whatever the client accepts", () => {
    const response = errorResponse(new CausewayError("not_found"), {
      ...context({ Accept: "text/html" }),
      control: true,
    });
    expect(response.headers.get("content-type")).toBe("application/json");
  });

  it("says when to come back with 503, and how to authenticate with 401 of the control plane", () => {
    expect(
      errorResponse(new CausewayError("too_many_connections"), context()).headers.has("retry-after"),
    ).toBe(true);
    const refused = errorResponse(new CausewayError("unauthorized"), { ...context(), control: true });
    expect(refused.headers.get("www-authenticate")).toMatch(/^Bearer/);
  });

  it("keeps an error's own message from clients of proxied hosts", async () => {
    const error = new CausewayError(
      "upstream_unreachable",
      "connect ECONNREFUSED http://user:pw@10.0.0.5/secret",
    );
    for (const accept of ["text/html", "application/json"]) {
      const text = await errorResponse(error, context({ Accept: accept })).text();
      expect(text).not.toContain("10.0.0.5");
      expect(text).not.toContain("secret");
    }
  });
});

describe("withFields", () => {
  it("gives a refusal the fields of any reply beside its own, which stand, and keeps Vary by Accept", () => {
    const own = new CausewayError("rate_limited", undefined, {
      fields: { "Retry-After": "7", RateLimit: "own" },
    });
    const fields = [
      ["ratelimit", "other"],
      ["vary", "Origin"],
      ["x-more", "1"],
    ] as const;
    const { headers } = errorResponse(withFields(own, fields) as CausewayError, context());
    expect(Object.fromEntries(headers)).toMatchObject({
      "retry-after": "7",
      ratelimit: "own",
      "x-more": "1",
      vary: "Origin, Accept",
    });
  });

  it("leaves an unknown error as it is", () => {
    const error = new TypeError("x");
    expect(withFields(error, [["a", "b"]])).toBe(error);
  });
});

describe("failureResponse", () => {
  it("answers an unknown error as internal, and neither answer nor log holds its text", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const response = failureResponse(new TypeError("token hunter2 leaked"), { ...context(), control: true });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("hunter2");
    expect(log).toHaveBeenCalledOnce();
    const line = String(log.mock.calls[0]?.[0]);
    expect(line).not.toContain("hunter2");
    expect(JSON.parse(line)).toMatchObject({
      event: "unexpected_error",
      request_id: "abc-1",
      name: "TypeError",
    });
  });
});
