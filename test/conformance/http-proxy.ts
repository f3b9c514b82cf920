// Conformance: what an HTTP reverse proxy must pass on untouched, what it must take off, and what it must refuse (RFC 9110,
// RFC 9112). A function of a proxy: it brings its own upstream, which says what arrived.

import { createHash } from "node:crypto";
import { describe, expect } from "vitest";
import { ask, type ProxyUnderTest, type Rule, rulesFor, type Way } from "./proxy-under-test.ts";
import { exchange, openRaw, type RawReply, requestText, valuesOf } from "./raw-http.ts";
import { numberBody, type Recorded, RecordingOrigin } from "./recording-origin.ts";
import { SAFE_SPELLINGS, SMUGGLING } from "./smuggling-requests.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"];

/** The proxy must let bodies of 1 MiB and fields of 64 KB through. */
export function httpProxySuite(proxy: ProxyUnderTest): void {
  let origin: RecordingOrigin;
  const rule = rulesFor(proxy, async () => {
    origin = await RecordingOrigin.start();
    return origin;
  });
  requestRules(rule);
  replyRules(rule, () => origin);
  connectionRules(rule, () => origin);
  smugglingRules(rule, () => origin);
}

function recorded(reply: RawReply): Recorded {
  expect(reply.status, reply.body.toString()).toBe(200);
  return JSON.parse(reply.body.toString()) as Recorded;
}

function sent({ fields }: Recorded, name: string): string[] {
  return fields.filter(([field]) => field === name).map(([, value]) => value);
}

async function post(way: Way, lines: readonly string[], body: Buffer | string): Promise<Recorded> {
  const head = [`POST /echo HTTP/1.1`, `Host: ${way.host}`, "Connection: close", ...lines, "", ""].join(
    "\r\n",
  );
  const { replies } = await exchange(way.url, Buffer.concat([Buffer.from(head), Buffer.from(body)]));
  // An interim reply to Expect comes first, where the proxy gives one.
  const reply = replies.find(({ status }) => status >= 200);
  if (!reply) throw new Error("No reply to POST /echo");
  return recorded(reply);
}

function sha256(body: Buffer | string): string {
  return createHash("sha256").update(body).digest("hex");
}

function requestRules(rule: Rule): void {
  describe("a request", () => {
    for (const method of METHODS)
      rule(`keeps its method ${method}`, async (way) => {
        expect(recorded(await ask(way, "/echo", { method })).method).toBe(method);
      });

    for (const target of [
      "/echo",
      "/echo?",
      "/echo?a=b&a=c&&=&%3D",
      "/echo/%C3%A9%2F%2f%25/%7Euser;p=1,2",
      "/echo/a%20b+c?q=%20+%2B&u=http://x.test/?y",
      "/echo/:@!$&'()*,;=-._~?/?:@!$()*",
      "/echo/%zz?%",
      "/echo?q='quoted'",
    ])
      rule(`keeps its target byte for byte: ${target}`, async (way) => {
        expect(recorded(await ask(way, target)).target).toBe(target);
      });

    rule("keeps fields it knows nothing of, repeated ones in order, and cookies", async (way) => {
      const fields = ["X-One: 1", "X-Many: a", "X-Many: b", "Cookie: a=b; c=d", 'X-Text: caf\xe9, "q"'];
      const request = recorded(await ask(way, "/echo", { fields }));
      expect(sent(request, "x-one")).toEqual(["1"]);
      expect(sent(request, "x-many").join(", ")).toBe("a, b");
      expect(sent(request, "cookie")).toEqual(["a=b; c=d"]);
    });

    rule("loses what belongs to its connection, listed or not (RFC 9110 7.6.1)", async (way) => {
      const fields = [
        "Connection: X-Private, keep-alive",
        "X-Private: 1",
        "X-Public: 1",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "Trailer: X-T",
        "Upgrade: h2c",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic eA==",
      ];
      const request = recorded(await ask(way, "/echo", { fields }));
      expect(sent(request, "x-public")).toEqual(["1"]);
      const names = [
        "x-private",
        "keep-alive",
        "trailer",
        "upgrade",
        "proxy-connection",
        "proxy-authorization",
      ];
      for (const name of [...names, "te"]) expect([name, sent(request, name)]).toEqual([name, []]);
      expect(sent(request, "connection").join()).not.toMatch(/x-private/i);
    });

    rule("keeps a big field whole", async (way) => {
      const value = "v".repeat(60_000);
      expect(sent(recorded(await ask(way, "/echo", { fields: [`X-Big: ${value}`] })), "x-big")).toEqual([
        value,
      ]);
    });

    for (const bytes of [0, 1, 70_000, 1_048_576])
      rule(`keeps its body of ${bytes} bytes with its length`, async (way) => {
        const body = Buffer.alloc(bytes, "abc");
        const request = await post(way, [`Content-Length: ${bytes}`], body);
        expect([request.bytes, request.sha256]).toEqual([bytes, sha256(body)]);
        if (bytes > 0) expect(sent(request, "content-length")).toEqual([String(bytes)]);
      });

    rule("keeps its body without a length, whatever its chunks are", async (way) => {
      const pieces = ["a", "b".repeat(5_000), "c".repeat(100_000), "d"];
      const chunks = pieces.map((piece) => `${piece.length.toString(16)};x=y\r\n${piece}\r\n`).join("");
      const request = await post(way, ["Transfer-Encoding: chunked"], `${chunks}0\r\nX-Trailer: t\r\n\r\n`);
      expect([request.bytes, request.sha256]).toEqual([105_002, sha256(pieces.join(""))]);
    });

    rule("that expects 100-continue is answered all the same", async (way) => {
      const request = await post(way, ["Content-Length: 5", "Expect: 100-continue"], "hello");
      expect([request.bytes, request.sha256]).toEqual([5, sha256("hello")]);
    });
  });
}

function replyRules(rule: Rule, origin: () => RecordingOrigin): void {
  describe("a reply", () => {
    rule("keeps its status and has no body to HEAD, 204 and 304", async (way) => {
      const head = await ask(way, "/body/5000", { method: "HEAD" });
      expect([head.status, head.body.length, valuesOf(head, "content-length")]).toEqual([200, 0, ["5000"]]);
      for (const status of [204, 304, 400, 404, 418, 500, 503]) {
        const reply = await ask(way, `/status/${status}`);
        expect([reply.status, reply.body.length, reply.whole]).toEqual([status, 0, true]);
      }
    });

    rule("keeps its body of any length, whole and with that length", async (way) => {
      for (const length of [0, 1, 16_384, 16_385, 1_048_576, 1_048_577]) {
        const reply = await ask(way, `/body/${length}`);
        expect([reply.status, reply.whole, valuesOf(reply, "content-length")]).toEqual([
          200,
          true,
          [String(length)],
        ]);
        expect(reply.body.equals(Buffer.alloc(length, "0123456789")), String(length)).toBe(true);
      }
    });

    rule("to a range is that range", async (way) => {
      const part = await ask(way, "/body/5000000", { fields: ["Range: bytes=1005-1009"] });
      expect([part.status, valuesOf(part, "content-range"), part.body.toString()]).toEqual([
        206,
        ["bytes 1005-1009/5000000"],
        "56789",
      ]);
      const none = await ask(way, "/body/10", { fields: ["Range: bytes=20-30"] });
      expect([none.status, valuesOf(none, "content-range")]).toEqual([416, ["bytes */10"]]);
    });

    rule("passes as it comes, not when it is complete", async (way) => {
      const socket = openRaw(way.url);
      socket.write(requestText("GET", "/chunks", way.host));
      let text = "";
      const arrived = new Map<string, number>();
      for await (const piece of socket) {
        text += (piece as Buffer).toString("latin1");
        for (const word of ["one", "two", "three"])
          if (text.includes(word) && !arrived.has(word)) {
            arrived.set(word, arrived.size);
            origin().letGo();
          }
      }
      expect([...arrived.keys()]).toEqual(["one", "two", "three"]);
      expect(text.endsWith("0\r\n\r\n") || !/chunked/i.test(text)).toBe(true);
    });

    rule("keeps its cookies apart, and fields it knows nothing of", async (way) => {
      const reply = await ask(
        way,
        "/fields?Set-Cookie=a=1;%20Path=/&Set-Cookie=b=2,%20x&X-Own=v&ETag=%22e%22",
      );
      expect(valuesOf(reply, "set-cookie")).toEqual(["a=1; Path=/", "b=2, x"]);
      expect([...valuesOf(reply, "x-own"), ...valuesOf(reply, "etag")]).toEqual(["v", '"e"']);
    });

    rule("loses what belongs to its connection, listed or not", async (way) => {
      const reply = await ask(
        way,
        "/fields?Connection=X-Private&X-Private=1&X-Public=1&Proxy-Connection=keep-alive&Keep-Alive=timeout%3D9",
      );
      expect(valuesOf(reply, "x-public")).toEqual(["1"]);
      for (const name of ["x-private", "proxy-connection", "keep-alive"])
        expect([name, valuesOf(reply, name)]).toEqual([name, []]);
    });

    rule("that redirects is the client's to follow", async (way) => {
      const before = origin().targets.length;
      for (const location of ["/echo", "https://other.test/x?y#z", "../up"]) {
        const reply = await ask(way, `/status/302`);
        expect(reply.status).toBe(302);
        const moved = await ask(way, `/fields?Location=${encodeURIComponent(location)}`);
        expect(valuesOf(moved, "location")).toEqual([location]);
      }
      expect(origin().targets.length - before).toBe(6);
    });
  });
}

function connectionRules(rule: Rule, origin: () => RecordingOrigin): void {
  describe("a connection", () => {
    rule("serves one request after the other, pipelined ones in order", async (way) => {
      const numbers = [3, 1, 2];
      const requests = numbers.map((n, i) =>
        i < 2
          ? `GET /number?n=${n} HTTP/1.1\r\nHost: ${way.host}\r\n\r\n`
          : requestText("GET", `/number?n=${n}`, way.host),
      );
      const { replies, end } = await exchange(way.url, requests.join(""));
      expect(replies.map(({ body }) => body.toString())).toEqual(numbers.map(numberBody));
      expect(end).toBe("fin");
    });

    rule("of many never gets a reply to another", async (way) => {
      const numbers = Array.from({ length: 200 }, (_, n) => n);
      const replies = await Promise.all(numbers.map((n) => ask(way, `/number?n=${n}`)));
      for (const n of numbers)
        expect(replies[n]?.body.toString() === numberBody(n), `request ${n}`).toBe(true);
    });

    rule("of HTTP/1.0 gets a reply whose end it can see", async (way) => {
      const { replies, end } = await exchange(
        way.url,
        `GET /number?n=5 HTTP/1.0\r\nHost: ${way.host}\r\n\r\n`,
      );
      expect([replies[0]?.body.toString(), end]).toEqual([numberBody(5), "fin"]);
      expect(valuesOf({ fields: replies[0]?.fields ?? [] }, "transfer-encoding")).toEqual([]);
    });

    rule("is not opened anew to the upstream for each request", async (way) => {
      await ask(way, "/echo");
      const before = origin().opened;
      for (let i = 0; i < 20; i++) await ask(way, "/echo");
      expect(origin().opened - before).toBeLessThanOrEqual(2);
    });
  });
}

function smugglingRules(rule: Rule, origin: () => RecordingOrigin): void {
  describe("a request that could be read in two ways", () => {
    for (const [what, { text, statuses }] of Object.entries(SMUGGLING))
      rule(`smuggles nothing: ${what}`, async (way) => {
        const before = origin().targets.length;
        const { replies, end } = await exchange(way.url, text(way.host), { deadlineMs: 2_000 });
        expect(
          origin()
            .targets.slice(before)
            .filter((target) => target.includes("smuggled")),
        ).toEqual([]);
        expect(replies.length, "replies").toBe(1);
        expect(statuses).toContain(replies[0]?.status);
        expect(end).toBe("fin");
      });

    for (const [what, { text, target }] of Object.entries(SAFE_SPELLINGS))
      rule(`means one thing: ${what}`, async (way) => {
        const { replies } = await exchange(way.url, text(way.host), { replies: 1 });
        const [reply] = replies;
        if (!reply) throw new Error("No reply");
        if (reply.status >= 400) return;
        expect(recorded(reply).target).toBe(target);
      });
  });
}
