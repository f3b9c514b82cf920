import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../shared/config/parse.ts";

const UPSTREAMS = ["http://127.0.0.1:1"];

function problems(host: Record<string, unknown>, rest: Record<string, unknown> = {}): string[] {
  const result = parseConfig({ hosts: [{ host: "a.test", upstreams: UPSTREAMS, ...host }], ...rest });
  return result.ok ? [] : result.problems.map(({ path }) => path.replace("hosts[0].", ""));
}

describe("checkHosts", () => {
  it("asks for upstreams, unless the host redirects to another address", () => {
    expect(problems({ upstreams: undefined })).toEqual(["upstreams"]);
    expect(problems({ upstreams: [] })).toEqual(["upstreams"]);
    expect(problems({ upstreams: [], redirect: { https: true } })).toEqual(["upstreams"]);
    expect(problems({ upstreams: [], redirect: { to: "https://b.test" } })).toEqual([]);
  });

  it("asks for a relay that the edge can reach and sign for", () => {
    const relay = { name: "main", token: "0123456789abcdef" };
    const reachable = { ...relay, url: "https://relay.test", key: "0123456789abcdef" };
    const host = { via: "relay:main" };
    expect(problems(host)).toEqual(["via"]);
    for (const incomplete of [relay, { ...reachable, url: undefined }, { ...reachable, key: undefined }])
      expect(problems(host, { relays: [incomplete] })).toEqual(["via"]);
    expect(problems(host, { relays: [{ ...reachable, name: "other" }] })).toEqual(["via"]);
    expect(problems(host, { relays: [reachable] })).toEqual([]);
  });

  it("asks for somewhere to log to", () => {
    expect(problems({ access_log: true })).toEqual(["access_log"]);
    expect(problems({ access_log: true }, { edge: { access_log: [{ kind: "console" }] } })).toEqual([]);
  });

  it("asks for the address of an http sink, and none of a console", () => {
    const sink = (entry: object) => problems({}, { edge: { access_log: [entry] } });
    expect(sink({ kind: "http" })).toEqual(["edge.access_log[0].url"]);
    expect(sink({ kind: "console", url: "https://l.test", headers: { A: "secret" } })).toEqual([
      "edge.access_log[0].headers",
      "edge.access_log[0].url",
    ]);
    expect(sink({ kind: "http", url: "https://l.test" })).toEqual([]);
  });

  it("bounds no sockets that it cannot count", () => {
    const bounds = { max_connections: 10, max_per_ip: 1 };
    expect(problems({ websocket: bounds })).toEqual([]);
    expect(problems({ websocket: { ...bounds, meter: false } })).toEqual([
      "websocket.max_connections",
      "websocket.max_per_ip",
    ]);
    expect(problems({ websocket: { meter: false, idle_timeout: "1h" } })).toEqual([]);
  });

  it("refuses credentials for everybody", () => {
    const cors = { origins: ["*"], headers: ["*"], expose: ["*"] };
    expect(problems({ cors })).toEqual([]);
    expect(problems({ cors: { ...cors, credentials: true } })).toEqual([
      "cors.expose",
      "cors.headers",
      "cors.origins",
    ]);
  });

  it("refuses origins that no browser has", () => {
    expect(problems({ cors: { origins: ["https://a:99999", "https://b.test"] } })).toEqual([
      "cors.origins[0]",
    ]);
  });

  it("keeps header rules off framing and off the proxy's own fields", () => {
    const rules = {
      set: { Host: "b.test", "X-Ok": "1" },
      add: { "Content-Length": "5" },
      remove: ["connection", "X-Causeway-Target", "Via"],
    };
    expect(problems({ headers: { request: rules } })).toEqual([
      "headers.request.add.Content-Length",
      "headers.request.remove[0]",
      "headers.request.remove[1]",
      "headers.request.set.Host",
    ]);
    expect(problems({ headers: { response: { set: { "content-encoding": "gzip" } } } })).toEqual([
      "headers.response.set.content-encoding",
    ]);
    expect(problems({ headers: { request: { set: { "X-A": "1", "x-a": "2" } } } })).toEqual([
      "headers.request.set.x-a",
    ]);
  });

  it("finds mistyped placeholders, and leaves other braces alone", () => {
    const set = (value: string) => problems({ headers: { request: { set: { "X-A": value } } } });
    for (const value of ["{client-ip} {hots}", "{clientip}", "{request_ids}"])
      expect(set(value), value).toEqual(["headers.request.set.X-A"]);
    for (const value of ['{"group":"nel"}', "{{hots}", "{something_else}", "{host}{path}"])
      expect(set(value), value).toEqual([]);
  });

  it("never throws, whatever stands in a host", () => {
    const odd = [null, 1, "x", [], [1, null], { set: 1, add: [], remove: {} }, { request: { set: [] } }];
    for (const value of odd)
      for (const key of ["upstreams", "via", "cors", "headers", "redirect", "access_log"])
        expect(() =>
          problems({ [key]: value }, { edge: { access_log: value }, relays: value }),
        ).not.toThrow();
  });
});
