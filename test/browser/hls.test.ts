// The demo channel through the edge, played by hls.js in a real browser.

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { type Product, startProduct } from "../support/product.ts";
import { playChannel } from "./player.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

const WATCH_S = 20;

let product: Product;
let browser: Browser;

beforeAll(async () => {
  [product, browser] = await Promise.all([startProduct(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await product?.stop();
});

describe("a channel", () => {
  it("plays for 20 s without a stall", async () => {
    const playback = await playChannel(browser, `${product.edge}/proxy/ch_demo/stream.m3u8`, WATCH_S);
    expect(playback.trouble).toEqual([]);
    expect(playback.advanced).toBeGreaterThanOrEqual(WATCH_S - 1);
    expect(playback.frames).toBeGreaterThan(10 * WATCH_S);
    expect(playback.height).toBeGreaterThan(0);
  });
});
