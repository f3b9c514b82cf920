// The page in a real browser, on the whole product: what moves through the relay and the edge must appear on it.

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { type Product, startProduct } from "../support/product.ts";
import { downloadOverSocks } from "./socks-download.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

/** How soon after a transfer the page must show it. */
const SHOWN_WITHIN_MS = 4_000;

let product: Product;
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  [product, browser] = await Promise.all([startProduct(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await product?.stop();
});

beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  await page.goto(`${product.edge}/#login=${await loginCode()}`);
  await expect.poll(() => page.textContent("#link-state"), { timeout: 15_000 }).toBe("Live");
});
afterEach(() => context?.close());

async function loginCode(): Promise<string> {
  const response = await product.api("/api/login-codes", { method: "POST" });
  const { code } = (await response.json()) as { code: string };
  return code;
}

function download(bytes: number): Promise<number> {
  return downloadOverSocks({ proxyPort: product.proxyPort, origin: product.demo, path: `/bytes/${bytes}` });
}

/** The exact figure that the page shows for a service's downloads, or 0 while it does not show the service. */
async function shownDown(service: string, kind: string): Promise<number> {
  const rows = page.locator("#services tbody tr", { hasText: service }).filter({ hasText: kind });
  const titles = await rows
    .locator("td:nth-child(6)")
    .evaluateAll((cells) => cells.map((cell) => cell.getAttribute("title")));
  return Number((titles[0] ?? "0").replaceAll(/\D/g, ""));
}

describe("the dashboard of a running product", () => {
  it("opens by a login link, which works once", async () => {
    expect(page.url()).not.toContain("login");
    const code = await loginCode();
    const redeem = (): Promise<number> =>
      product
        .api("/api/session", { method: "POST", body: JSON.stringify({ code }) })
        .then((response) => response.status);
    expect([await redeem(), await redeem()]).toEqual([200, 401]);
  });

  it("shows the relay's link and listeners", async () => {
    await expect.poll(() => page.textContent("#relays"), { timeout: 10_000 }).toContain("connected");
    expect(await page.textContent("#relays")).toContain(`mixed 127.0.0.1:${product.proxyPort}`);
  });

  it("shows the bytes of a download over SOCKS5 within 4 s, exactly", async () => {
    const before = await shownDown("main/mixed", "socks");
    const received = await download(8_388_731);
    expect(received).toBeGreaterThan(8_388_731);
    await expect
      .poll(() => shownDown("main/mixed", "socks"), { timeout: SHOWN_WITHIN_MS })
      .toBe(before + received);
  });

  it("lists a slow download while it runs", async () => {
    const demo = new URL(product.demo);
    const slow = product.fetchHost("demo.localhost", "/slow?bytes=400000&ms=6000");
    const row = page.locator("#connections tbody tr", { hasText: "demo.localhost" });
    await expect.poll(() => row.count(), { timeout: 6_000 }).toBe(1);
    expect(await row.textContent()).toContain(demo.host);
    const body = await (await slow).arrayBuffer();
    expect(body.byteLength).toBe(400_000);
    await expect.poll(() => row.count(), { timeout: 12_000 }).toBe(0);
  });

  it("comes back by itself when the edge restarts, with the totals it had", async () => {
    const before = await shownDown("main/mixed", "socks");
    const total = before + (await download(100_003));
    await expect.poll(() => shownDown("main/mixed", "socks"), { timeout: SHOWN_WITHIN_MS }).toBe(total);
    const states = await page.evaluateHandle(watchLinkState);
    await product.restartEdge();
    const lost = expect.stringMatching(/^Reconnecting… No data since/);
    await expect.poll(() => states.jsonValue(), { timeout: 20_000 }).toEqual([lost, "Live"]);
    expect(await shownDown("main/mixed", "socks")).toBe(total);
    const after = total + (await download(200_007));
    await expect.poll(() => shownDown("main/mixed", "socks"), { timeout: SHOWN_WITHIN_MS }).toBe(after);
  });
});

/** Runs in the page: collects every text that the link state takes. */
function watchLinkState(): string[] {
  const seen: string[] = [];
  const host = document.querySelector("#link-state");
  if (host) {
    const observer = new MutationObserver(() => seen.push(host.textContent ?? ""));
    observer.observe(host, { childList: true, characterData: true, subtree: true });
  }
  return seen;
}
