import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLAIMS } from "../../../shared/http/forwarded.ts";
import { HOP_BY_HOP } from "../../../shared/http/headers.ts";
import { requestHead } from "../../../worker/proxy/request-head.ts";
import { type Asked, callFor } from "./header-call.ts";

function sent(asked: Asked, upgrade = false): Record<string, string> {
  const { call, upstream } = callFor(asked);
  return Object.fromEntries(requestHead(call, upstream, upgrade));
}

const KNOWN = {
  via: "1.1 causeway",
  "x-forwarded-for": "192.0.2.7",
  "x-forwarded-host": "app.test:8080",
  "x-forwarded-proto": "http",
};

describe("requestHead", () => {
  it("tells who asked, how, and through whom", () => {
    expect(sent({ headers: { Accept: "text/html" } })).toEqual({ ...KNOWN, accept: "text/html" });
  });

  it("drops every claim of the client, however it is spelt", () => {
    const names = [...CLAIMS, "x-causeway-front", "x-causeway-client", "x-causeway-target", "cf-ipcountry"];
    for (const name of names) {
      for (const spelling of [name, name.toUpperCase(), name.replaceAll("-", "_"), name.replace("-", ".")])
        expect(sent({ headers: { [spelling]: "1" } }), spelling).toEqual(KNOWN);
    }
  });

  it("drops the rest of the family, too, unless a trusted proxy hands it on in its own spelling", () => {
    const headers = { "X-Forwarded-User": "root", X_Forwarded_Groups: "admins" };
    expect(sent({ headers })).toEqual(KNOWN);
    const host = {
      trusted_proxies: ["192.0.2.0/24"],
      headers: { request: { set: { "X-Forwarded-Team": "a" } } },
    };
    expect(sent({ host, headers })).toEqual({
      ...KNOWN,
      "x-forwarded-user": "root",
      "x-forwarded-team": "a",
    });
  });

  it("replaces what it sets itself, and drops other spellings of it", () => {
    const headers = {
      "X-Forwarded-For": "9.9.9.9",
      X_Forwarded_For: "9.9.9.9",
      "X-Forwarded_Proto": "https",
      "x.forwarded!host": "evil.test",
      content_length: "0",
      transfer_encoding: "chunked",
    };
    expect(sent({ headers })).toEqual(KNOWN);
  });

  it("leaves other fields with underscores alone", () => {
    expect(sent({ headers: { api_key: "k" } })).toEqual({ ...KNOWN, api_key: "k" });
  });

  it("drops what Connection lists, but nothing of its own", () => {
    const headers = { Connection: "X-Secret, X-Forwarded-For, Via, close", "X-Secret": "1" };
    expect(sent({ headers })).toEqual({ ...KNOWN, connection: headers.Connection });
  });

  it("asks for a WebSocket only where one was asked for", () => {
    const headers = { Connection: "Upgrade", Upgrade: "websocket" };
    expect(sent({ headers }, true)).toMatchObject({ upgrade: "websocket" });
    expect(sent({ headers })).not.toHaveProperty("upgrade");
  });

  it("adds itself to Via, and ends circles", () => {
    expect(sent({ headers: { Via: "1.0 fred" } }).via).toBe("1.0 fred, 1.1 causeway");
    const { call, upstream } = callFor({ headers: { Via: Array(10).fill("1.1 causeway").join(",") } });
    expect(() => requestHead(call, upstream, false)).toThrow(
      expect.objectContaining({ code: "loop_detected", status: 508 }),
    );
  });

  it("applies the host's rules last", () => {
    const host = {
      forwarded: true,
      headers: {
        request: {
          set: { "X-Who": "{user} {client_ip} {host} {scheme} {path} {request_id} {upstream} [{country}]" },
          add: { Accept: "text/plain" },
          remove: ["Via", "X-Forwarded-Host"],
        },
      },
    };
    const { via: _, "x-forwarded-host": __, ...kept } = KNOWN;
    expect(sent({ host, user: "alice", headers: { Accept: "text/html" } })).toEqual({
      ...kept,
      forwarded: 'for=192.0.2.7;host="app.test:8080";proto=http',
      accept: "text/html, text/plain",
      "x-who": "alice 192.0.2.7 app.test:8080 http /a the-id http://10.9.9.9:3000 []",
    });
  });

  it("lets no odd spelling of a rule's field through", () => {
    const host = { headers: { request: { set: { "X-User": "{user}" }, remove: ["X-Admin"] } } };
    const headers = { x_user: "root", "x.user": "root", X_Admin: "1", "X-User": "root" };
    expect(sent({ host, headers, user: "alice" })).toEqual({ ...KNOWN, "x-user": "alice" });
  });

  it("takes a rule's odd name for the plain one, too", () => {
    const host = { headers: { request: { set: { x_user: "{user}" } } } };
    expect(sent({ host, headers: { "X-User": "root" }, user: "alice" })).toEqual({
      ...KNOWN,
      x_user: "alice",
    });
  });

  it("keeps the chain of trusted proxies from the client on", () => {
    const host = { trusted_proxies: ["192.0.2.0/24"], forwarded: true };
    const headers = {
      "X-Forwarded-For": "6.6.6.6, 198.51.100.9",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "www.test",
    };
    expect(sent({ host, headers })).toEqual({
      via: KNOWN.via,
      forwarded: "for=198.51.100.9;host=www.test;proto=https, for=192.0.2.7",
      "x-forwarded-for": "198.51.100.9, 192.0.2.7",
      "x-forwarded-host": "www.test",
      "x-forwarded-proto": "https",
    });
    expect(callFor({ host, headers }).call.clientIp).toBe("198.51.100.9");
  });

  it("believes nobody else", () => {
    const host = { trusted_proxies: ["192.0.3.0/24"] };
    const headers = { "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", Forwarded: "for=6.6.6.6" };
    expect(sent({ host, headers })).toEqual(KNOWN);
    expect(callFor({ host, headers }).call.clientIp).toBe("192.0.2.7");
  });

  it("sends nothing that speaks of the client or the connection, whatever the client sends", () => {
    const guarded = [...CLAIMS, "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
    const name = fc.oneof(
      fc
        .constantFrom(...guarded, ...HOP_BY_HOP)
        .chain((text) =>
          fc
            .array(fc.constantFrom("-", "_", ".", "~"), { minLength: 6, maxLength: 6 })
            .map((joints) => text.replace(/-/g, () => joints.pop() ?? "-")),
        ),
      fc.stringMatching(/^[a-z!._-]{1,12}$/),
    );
    const value = fc.stringMatching(/^[!-~]{1,30}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), (fields) => {
        const head = sent({ headers: fields });
        for (const [field, text] of Object.entries(head)) {
          const folded = field.replace(/[^a-z0-9]/g, "-");
          if (field in KNOWN) continue;
          expect([field, guarded.includes(folded)]).toEqual([field, false]);
          expect(fields.some(([asked, given]) => asked === field && text.includes(given))).toBe(true);
        }
        expect(head).toMatchObject({ ...KNOWN, via: expect.stringMatching(/1\.1 causeway$/) });
      }),
      { numRuns: 300 },
    );
  });
});
