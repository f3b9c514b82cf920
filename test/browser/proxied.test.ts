// A browser whose proxy is the relay: pages, uploads and WebSockets go through it, and names are resolved there.

import { createHash } from "node:crypto";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listenForTest, relayConfig, startRelay } from "../relay/harness.ts";
import { launchBrowser } from "../support/browser.ts";
import { selfSigned } from "../support/certificate.ts";

/** A name that the relay alone knows. */
const NAME = "site.test";

let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(() => browser.close());

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  let bytes = 0;
  for await (const chunk of req) bytes += (chunk as Buffer).length;
  res.setHeader("Content-Type", "text/html");
  res.end(req.method === "POST" ? `took ${bytes}` : "<!doctype html><title>through the relay</title>");
}

/** Answers an upgrade (RFC 6455 section 4.2.2) and says one word. */
function greet(req: IncomingMessage, socket: Duplex): void {
  const accept = createHash("sha1")
    .update(`${req.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.on("error", () => undefined);
  const fields = ["Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${accept}`];
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.join("\r\n")}\r\n\r\n`);
  socket.write(Buffer.from("\x81\x05hello", "latin1"));
}

async function startProxy() {
  const hosts_file = join(await mkdtemp(join(tmpdir(), "causeway-browser-")), "hosts");
  await writeFile(hosts_file, `127.0.0.1 ${NAME}\n`);
  return startRelay({ config: { dns: { ...relayConfig().dns, hosts_file } } });
}

describe.each([
  ["socks5", "http", ["socks"]],
  ["socks5", "https", ["socks"]],
  ["http", "http", ["connect", "proxy"]],
  ["http", "https", ["connect"]],
] as const)("a browser with the relay as its %s proxy, for a site by %s", (scheme, site, used) => {
  it("loads pages, uploads and opens WebSockets by names that only the relay knows", async () => {
    const server = site === "https" ? createSecureServer(selfSigned(), answer) : createServer(answer);
    const port = await listenForTest(server.on("upgrade", greet));
    const running = await startProxy();
    const context = await browser.newContext({
      proxy: { server: `${scheme}://127.0.0.1:${running.port}` },
      // Nobody but this test has signed the site's certificate.
      ignoreHTTPSErrors: true,
    });
    try {
      const page = await context.newPage();
      await page.goto(`${site}://${NAME}:${port}/`);
      expect(await page.title()).toBe("through the relay");
      const took = await page.evaluate(async () => {
        const reply = await fetch("/", { method: "POST", body: new Uint8Array(300_000) });
        return reply.text();
      });
      expect(took).toBe("took 300000");
      const word = await page.evaluate(
        (url) =>
          new Promise<string>((resolve, reject) => {
            const socket = new WebSocket(url);
            socket.onmessage = ({ data }) => resolve(String(data));
            socket.onerror = () => reject(new Error("no WebSocket"));
          }),
        `${site.replace("http", "ws")}://${NAME}:${port}/`,
      );
      expect(word).toBe("hello");
    } finally {
      await context.close();
    }
    const kinds = new Set(running.of("connection_opened").map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(used);
    for (const { target } of running.of("connection_opened")) expect(target).toContain(NAME);
  });
});
