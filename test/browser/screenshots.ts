// Makes docs/media/dashboard.png and dashboard-dark.png: the product as `npm start` runs it, under some traffic.
// By hand, after the page changed: node test/browser/screenshots.ts

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { WebSocket } from "ws";
import { ROOT } from "../../relay/root.ts";
import { launchBrowser } from "../support/browser.ts";
import { playChannel } from "./player.ts";
import { downloadOverSocks } from "./socks-download.ts";

const MEDIA = join(ROOT, "docs/media");
const EDGE_PORT = 8787;
const PROXY_PORT = 1080;
const DEMO = "http://127.0.0.1:8085";
/** Most of the length of the line. */
const TRAFFIC_S = 240;

/** Starts the product; resolves to its login link and what stops it. */
async function startProduct(): Promise<{ login: string; stop(): Promise<void> }> {
  const state = await mkdtemp(join(tmpdir(), "causeway-screenshots-"));
  const child = spawn(process.execPath, ["relay/main.ts", "start", "--state", state], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.kill("SIGINT")) await once(child, "exit");
    await rm(state, { recursive: true, force: true });
  };
  for await (const line of createInterface(child.stdout)) {
    const login = /http:\S+#login=\S+/.exec(line)?.[0];
    if (login) return { login, stop };
  }
  await stop();
  throw new Error("Cannot make screenshots: the product did not start");
}

async function makeTraffic(browser: Browser, signal: AbortSignal): Promise<void> {
  const again = async (work: () => Promise<unknown>, pauseMs: number): Promise<void> => {
    while (!signal.aborted) {
      await work();
      await wait(pauseMs * (0.5 + Math.random()));
    }
  };
  const download = (path: string) => downloadOverSocks({ proxyPort: PROXY_PORT, origin: DEMO, path });
  await Promise.all([
    watch(browser, 0),
    watch(browser, 40_000),
    watch(browser, 41_000),
    again(() => download("/slow?bytes=40000000&ms=17000"), 9_000),
    again(() => download("/slow?bytes=16000000&ms=31000"), 4_000),
    again(() => fetchWhole("/slow?bytes=24000000&ms=23000"), 8_000),
    again(() => fetchWhole("/bytes/300000"), 400),
    again(() => fetchWhole("/upload", new Uint8Array(220_000)), 250),
    talk(signal),
  ]);
}

async function watch(browser: Browser, afterMs: number): Promise<void> {
  await wait(afterMs);
  await playChannel(
    browser,
    `http://127.0.0.1:${EDGE_PORT}/proxy/ch_demo/stream.m3u8`,
    TRAFFIC_S - afterMs / 1000,
  );
}

/** Names below .localhost do not resolve everywhere, so the host is named in the header only. */
async function fetchWhole(path: string, body?: Uint8Array): Promise<void> {
  const sent = request({
    host: "127.0.0.1",
    port: EDGE_PORT,
    path,
    method: body ? "POST" : "GET",
    headers: { host: "demo.localhost", "content-length": body?.length ?? 0 },
  }).end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
}

/** An echo conversation of some 200 kB/s each way. */
async function talk(signal: AbortSignal): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${EDGE_PORT}/echo`, { headers: { host: "echo.localhost" } });
  await once(socket, "open");
  while (!signal.aborted) {
    socket.send(Buffer.alloc(20_000));
    await wait(100);
  }
  socket.close();
}

async function shoot(browser: Browser, options: BrowserContextOptions, file: string): Promise<void> {
  const size = { viewport: { width: 1280, height: 900 }, deviceScaleFactor: 2 };
  const context = await browser.newContext({ ...size, ...options });
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${EDGE_PORT}/`);
  await page.locator("#link-state.live").waitFor();
  await wait(8_000);
  await page.screenshot({ path: join(MEDIA, file), fullPage: true });
  await context.close();
}

await mkdir(MEDIA, { recursive: true });
const product = await startProduct();
const browser = await launchBrowser();
const end = new AbortController();
try {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(product.login);
  await page.locator("#link-state.live").waitFor();
  const storageState = await context.storageState();
  await context.close();
  const pictures = async (): Promise<void> => {
    await wait((TRAFFIC_S - 30) * 1000);
    await Promise.all([
      shoot(browser, { storageState, colorScheme: "light" }, "dashboard.png"),
      shoot(browser, { storageState, colorScheme: "dark" }, "dashboard-dark.png"),
    ]);
    end.abort();
  };
  await Promise.all([makeTraffic(browser, end.signal), pictures()]);
} finally {
  end.abort();
  await browser.close();
  await product.stop();
}
