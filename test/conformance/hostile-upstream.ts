// Conformance: what a proxy must make of upstreams that are broken or hostile. Before the reply's head has been sent on, a
// failure is a 502 or 504 of the proxy's own; after it, a broken connection. It never hangs, never ends a reply as if it
// were whole, and never hands bytes of one reply to somebody else. A function of a proxy: it brings its own upstream.

import { createGzip } from "node:zlib";
import { describe, expect } from "vitest";
import {
  BAD_FRAMING,
  BAD_HANDSHAKES,
  BAD_HEADS,
  BAD_LENGTHS,
  ENDLESS_HEADS,
  ODD_BUT_FINE,
  POISONED,
  type Reply,
  UNASKED,
} from "./hostile-replies.ts";
import { ask, expectRefusal, type ProxyUnderTest, rulesFor, type Way } from "./proxy-under-test.ts";
import { collect, exchange, openRaw, requestText, valuesOf } from "./raw-http.ts";
import { closed, ScriptedUpstream } from "./scripted-upstream.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const UPGRADE = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
];
const CLEAN = `${OK}Content-Length: 5\r\n\r\nclean`;

/** The proxy's header deadline and idle timeout must be between half a second and two seconds. */
export function hostileUpstreamSuite(proxy: ProxyUnderTest): void {
  let upstream: ScriptedUpstream;
  const rule = rulesFor(proxy, async () => {
    upstream = await ScriptedUpstream.start();
    upstream.answer("/clean", CLEAN);
    return upstream;
  });
  let paths = 0;

  /** A path of its own that answers so. */
  function pathOf(reply: Reply): string {
    const path = `/${++paths}`;
    upstream.answer(path, reply);
    return path;
  }

  /** The next reply is the upstream's own, untouched by what went before. */
  async function expectClean(way: Way): Promise<void> {
    const reply = await ask(way, "/clean");
    expect([reply.status, reply.body.toString()]).toEqual([200, "clean"]);
  }

  describe("a head that is none", () => {
    for (const [what, reply] of Object.entries(BAD_HEADS))
      rule(`is a 502 or 504: ${what}`, async (way) => {
        expectRefusal(await ask(way, pathOf(reply)), [502, 504]);
        await expectClean(way);
      });
  });

  describe("a handshake that is none", () => {
    for (const [what, reply] of Object.entries(BAD_HANDSHAKES))
      rule(`is a 502, and nothing of it passes: ${what}`, async (way) => {
        const answer = await ask(way, pathOf(reply), { fields: UPGRADE });
        expectRefusal(answer, [502]);
        expect(answer.bytes.toString("latin1")).not.toContain("poison");
        await expectClean(way);
      });
  });

  describe("a head that does not end", () => {
    for (const [what, reply] of Object.entries(ENDLESS_HEADS))
      rule(`is a 502 or 504 in time: ${what}`, async (way) => {
        const path = pathOf(reply);
        const answered = ask(way, path);
        const { socket } = await upstream.untilAsked(path);
        expectRefusal(await answered, [502, 504]);
        await closed(socket);
      });
  });

  describe("a length that is none, in a reply to HEAD", () => {
    for (const [what, fields] of Object.entries(BAD_LENGTHS))
      rule(`is not passed on, and the reply comes all the same: ${what}`, async (way) => {
        const reply = await ask(way, pathOf(`${OK}${fields}\r\n\r\n`), { method: "HEAD" });
        expect([200, 502]).toContain(reply.status);
        const announced = reply.status === 200 ? valuesOf(reply, "content-length") : [];
        for (const length of announced) expect(length).toMatch(/^\d{1,19}$/);
        await expectClean(way);
      });
  });

  describe("a body that breaks off or is framed wrongly", () => {
    for (const [what, reply] of Object.entries(BAD_FRAMING))
      rule(`never ends as if it were whole: ${what}`, async (way) => {
        const answer = await ask(way, pathOf(reply));
        if (answer.status >= 500) expectRefusal(answer, [502, 504]);
        else expect([answer.status, answer.whole, answer.end === "hang"]).toEqual([200, false, false]);
        await expectClean(way);
      });

    rule("of gzip passes as far as it came, and breaks off", async (way) => {
      const gzip = createGzip();
      gzip.end(Buffer.alloc(1_000_000, "causeway"));
      const whole = Buffer.concat(await gzip.toArray());
      const head = `${OK}Content-Encoding: gzip\r\nContent-Length: ${whole.length + 20_000}\r\n\r\n`;
      const path = pathOf(({ socket }) => {
        socket.end(Buffer.concat([Buffer.from(head), whole]));
      });
      const reply = await ask(way, path, { fields: ["Accept-Encoding: gzip"] });
      if (reply.status === 502) return;
      expect([reply.whole, valuesOf(reply, "content-encoding")]).toEqual([false, ["gzip"]]);
      expect(whole.subarray(0, reply.body.length).equals(reply.body)).toBe(true);
    });

    rule("that stands still for too long is broken off, short or long", async (way) => {
      for (const length of [10, 50_000_000]) {
        const path = pathOf(`${OK}Content-Length: ${length}\r\n\r\nhello`);
        const answered = ask(way, path);
        const { socket } = await upstream.untilAsked(path);
        const reply = await answered;
        expect(reply.end).not.toBe("hang");
        if (reply.status === 200) expect(reply.whole).toBe(false);
        else expectRefusal(reply, [502, 504]);
        await closed(socket);
      }
    });
  });

  describe("a body without end", () => {
    rule("ends when the client leaves", async (way) => {
      const path = pathOf(({ socket }) => {
        socket.write(`${OK}\r\n`);
        const piece = Buffer.alloc(64 * 1024);
        const more = () => {
          while (socket.writable && socket.write(piece));
        };
        socket.on("drain", more);
        more();
      });
      const client = openRaw(way.url);
      client.write(requestText("GET", path, way.host));
      const { socket } = await upstream.untilAsked(path);
      let received = 0;
      for await (const piece of client) {
        received += (piece as Buffer).length;
        if (received > 32 * 1024 * 1024) break;
      }
      await closed(socket);
      await expectClean(way);
    });

    rule("that drips longer than any deadline for heads is not cut", async (way) => {
      const path = pathOf(async ({ socket }) => {
        socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`);
        for (let i = 0; i < 10; i++) {
          await new Promise((resolve) => setTimeout(resolve, 250));
          socket.write(`1\r\n${i}\r\n`);
        }
        socket.write("0\r\n\r\n");
      });
      const reply = await ask(way, path);
      expect([reply.status, reply.body.toString(), reply.whole]).toEqual([200, "0123456789", true]);
    });
  });

  describe("what is odd but right", () => {
    for (const [what, { reply, body }] of Object.entries(ODD_BUT_FINE))
      rule(`passes: ${what}`, async (way) => {
        const answer = await ask(way, pathOf(reply));
        expect([answer.status, answer.body.toString("latin1"), answer.whole]).toEqual([200, body, true]);
        await expectClean(way);
      });

    rule("passes: a redirect to itself, as a redirect and only once", async (way) => {
      const path = "/loop";
      upstream.answer(path, `HTTP/1.1 302 Found\r\nLocation: ${path}\r\nContent-Length: 0\r\n\r\n`);
      const before = upstream.asked(path).length;
      const reply = await ask(way, path);
      expect([reply.status, valuesOf(reply, "location")]).toEqual([302, [path]]);
      expect(upstream.asked(path).length - before).toBe(1);
    });

    rule("passes: a reply that comes before the request's body was read", async (way) => {
      const path = pathOf(({ socket }) => {
        socket.pause();
        socket.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge");
      });
      const client = openRaw(way.url);
      client.write(`POST ${path} HTTP/1.1\r\nHost: ${way.host}\r\nContent-Length: 5000000\r\n\r\n`);
      client.write(Buffer.alloc(5_000_000));
      const { replies } = await collect(client, { replies: 1 });
      expect([replies[0]?.status, replies[0]?.body.toString()]).toEqual([413, "large"]);
      await expectClean(way);
    });

    for (const status of [204, 304])
      rule(`passes: ${status} without the body that it must not have`, async (way) => {
        const path = pathOf(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\nhello`);
        const socket = openRaw(way.url);
        // Kept open: a body would be taken for the next reply.
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: ${way.host}\r\n\r\n${requestText("GET", "/clean", way.host)}`,
        );
        const { replies } = await collect(socket);
        expect(replies.map((reply) => [reply.status, reply.body.toString()])).toEqual([
          [status, ""],
          [200, "clean"],
        ]);
      });
  });

  describe("bytes after a reply's end", () => {
    for (const [what, { method = "GET", reply }] of Object.entries(POISONED))
      rule(`reach nobody: ${what}`, async (way) => {
        const path = pathOf(reply);
        for (let i = 0; i < 8; i++) {
          const { replies } = await exchange(way.url, requestText(method, path, way.host), {
            methods: [method],
          });
          expect(replies.map(({ body }) => body.toString()).join()).not.toContain("poison");
          await expectClean(way);
        }
      });

    for (const [what, { bytes, ends }] of Object.entries(UNASKED))
      rule(`reach nobody: ${what}`, async (way) => {
        const path = pathOf(`${OK}Content-Length: 2\r\n\r\nhi`);
        for (let i = 1; i <= 4; i++) {
          await ask(way, path);
          const { socket } = await upstream.untilAsked(path, i);
          socket.write(bytes);
          if (ends) socket.end();
          // Nothing tells when the proxy has it: it may keep the connection open for a while, as long as it uses it no more.
          await new Promise((resolve) => setTimeout(resolve, 50));
          await expectClean(way);
        }
      });
  });
}
