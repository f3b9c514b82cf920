import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { corsGate } from "../../../worker/proxy/cors.ts";
import { isFinalHead, replyHead } from "../../../worker/proxy/reply-head.ts";
import { type Asked, callFor } from "./header-call.ts";

function replied(asked: Asked, fields: HeadersInit): Headers {
  const { call, upstream } = callFor(asked);
  void corsGate(call.plan.config)?.(call);
  const headers = new Headers(fields);
  replyHead(call, upstream, headers);
  return headers;
}

describe("replyHead", () => {
  it("drops what is one connection's", () => {
    const fields = {
      Connection: "keep-alive, X-Private , x-OTHER, bad name,,\u00e9",
      "X-Private": "1",
      "x-other": "2",
      "Proxy-Connection": "keep-alive",
      "Proxy-Authenticate": "Basic",
      "X-Public": "1",
    };
    expect([...replied({}, fields).keys()]).toEqual(["connection", "x-public"]);
  });

  it("gives the id that the request was logged under, if it was, where the upstream has none", () => {
    const theirs = { "X-Request-Id": "theirs" };
    expect(replied({ isLogged: true }, {}).get("x-request-id")).toBe("the-id");
    expect(replied({ isLogged: true }, theirs).get("x-request-id")).toBe("theirs");
    expect(replied({}, {}).get("x-request-id")).toBeNull();
    expect(replied({}, theirs).get("x-request-id")).toBe("theirs");
  });

  it("leads back to the public host, unless switched off", () => {
    const fields = { Location: "http://10.9.9.9:3000/base/login" };
    expect(replied({}, fields).get("location")).toBe("http://app.test:8080/login");
    expect(replied({ host: { rewrite_location: false } }, fields).get("location")).toBe(fields.Location);
  });

  it("leads back to how the client asked a trusted proxy", () => {
    const headers = {
      "X-Forwarded-For": "6.6.6.6",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "www.test",
    };
    const host = { trusted_proxies: ["192.0.2.7"] };
    const fields = { Location: "http://10.9.9.9:3000/base/login" };
    expect(replied({ host, headers }, fields).get("location")).toBe("https://www.test/login");
  });

  it("undoes path prefixes in Location and, when asked, in cookies", () => {
    const host = { rewrite: { strip_prefix: "/api", add_prefix: "/v2" }, rewrite_cookies: true };
    const headers = new Headers({ Location: "/base/v2/x" });
    headers.append("set-cookie", "a=1; Path=/base/v2/x; Domain=10.9.9.9");
    headers.append("set-cookie", "b=2, 3; Expires=Wed, 21 Oct 2026 07:28:00 GMT");
    const reply = replied({ host }, headers);
    expect(reply.get("location")).toBe("/api/x");
    expect(reply.getSetCookie()).toEqual([
      "a=1; Path=/api/x; Domain=app.test",
      "b=2, 3; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
    ]);
  });

  it("leaves cookies alone where nobody asked", () => {
    const cookie = "a=1; Path=/base; Domain=10.9.9.9";
    expect(replied({}, { "Set-Cookie": cookie }).getSetCookie()).toEqual([cookie]);
  });

  it("puts the host's CORS fields in place of the upstream's", () => {
    const host = { cors: { origins: ["https://a.test"], expose: ["X-Id"], credentials: true } };
    const fields = {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "X-Evil",
      Vary: "Accept",
    };
    const same = replied({ host, headers: { Origin: "https://a.test" } }, fields);
    expect(Object.fromEntries(same)).toEqual({
      "access-control-allow-credentials": "true",
      "access-control-allow-origin": "https://a.test",
      "access-control-expose-headers": "X-Id",
      vary: "Accept, Origin",
    });
    for (const headers of [{ Origin: "https://b.test" }, {}])
      expect(Object.fromEntries(replied({ host, headers }, fields))).toEqual({ vary: "Accept, Origin" });
  });

  it("applies the host's rules last", () => {
    const host = {
      headers: {
        response: {
          set: { "X-Served": "{upstream} for {client_ip}" },
          add: { "Set-Cookie": "edge=1" },
          remove: ["Server", "X-Request-Id"],
        },
      },
    };
    const reply = replied({ host }, { Server: "old/1.0", "Set-Cookie": "a=1" });
    expect(reply.getSetCookie()).toEqual(["a=1", "edge=1"]);
    reply.delete("set-cookie");
    expect([...reply]).toEqual([["x-served", "http://10.9.9.9:3000 for 192.0.2.7"]]);
  });

  it("throws at nothing that an upstream sends", () => {
    const text = fc.stringMatching(/^[\t -~]{0,60}$/);
    const host = { rewrite_cookies: true, rewrite: { strip_prefix: "/api" }, cors: { origins: ["*"] } };
    fc.assert(
      fc.property(text, text, text, text, (location, cookie, vary, connection) => {
        const fields = { Location: location, "Set-Cookie": cookie, Vary: vary, Connection: connection };
        expect(replied({ host, isLogged: true }, fields).get("x-request-id")).toBe("the-id");
      }),
      { numRuns: 300 },
    );
  });
});

describe("isFinalHead", () => {
  const value = fc.constantFrom(
    "",
    "keep-alive",
    "close, X-A",
    "X-A",
    "http://10.9.9.9:3000/base/x",
    "/x",
    "a=1; Path=/",
  );
  const fields = fc.dictionary(
    fc.constantFrom(
      "connection",
      "location",
      "set-cookie",
      "proxy-authenticate",
      "proxy-connection",
      "access-control-allow-origin",
      "vary",
      "x-a",
    ),
    value,
  );
  const host = fc.constantFrom(
    {},
    { rewrite_location: false },
    { rewrite_cookies: true },
    { cors: { origins: ["*"] } },
    { headers: { response: { set: { "X-A": "b" } } } },
  );

  it("holds only for what goes on unchanged", () => {
    let finals = 0;
    fc.assert(
      fc.property(host, fields, fc.boolean(), (host, fields, isLogged) => {
        const asked = { host, isLogged, headers: { Origin: "https://a.test" } };
        const { call } = callFor(asked);
        void corsGate(call.plan.config)?.(call);
        const headers = new Headers(fields);
        if (!isFinalHead(call, headers)) return;
        finals++;
        expect([...replied(asked, fields)]).toEqual([...headers]);
      }),
      { numRuns: 500 },
    );
    expect(finals).toBeGreaterThan(20);
  });

  it("holds for an ordinary reply", () => {
    const { call } = callFor({});
    expect(isFinalHead(call, new Headers({ Connection: "keep-alive", "Content-Type": "a/b" }))).toBe(true);
  });
});
