// The table of channels on the page.

import { describe, expect, it } from "vitest";
import { type ChannelSnapshot, noChannelCounts } from "../../shared/flow/channel.ts";
import { noLatencies } from "../../shared/flow/latency.ts";
import type { ServiceSnapshot } from "../../shared/flow/snapshot.ts";
import { service, snapshot } from "./sample.ts";
import { column, useDashboard } from "./use-dashboard.ts";

const dashboard = useDashboard();

function channel(name: string, parts: Partial<ChannelSnapshot> = {}): ServiceSnapshot {
  const counts = { ...noChannelCounts(), viewers: 0, recent_ms: noLatencies(), ...parts };
  return { ...service(name, "hls", { down: 4 * 1024 * 1024 }), channel: counts };
}

const BUSY = {
  ...channel("ch_news", {
    viewers: 1_200,
    origin_bytes: 1_536,
    origin_requests: 9,
    tiers: { memory: 90, r2: 5, origin: 5 },
    recent_ms: { counts: [0, 0, 0, 0, 0, 0, 0, 10], sum: 900 },
    source: { index: 1, of: 2, host: "backup.example" },
    origin_errors: { upstream_timeout: 4 },
  }),
  errors: 3,
  down_rate: 2_000_000,
  refused: { not_found: 1, origin_status: 2 },
};

describe("the channels", () => {
  it("show viewers, bytes both ways, hits, latency, source and errors, the most watched first", async () => {
    dashboard.edge.snapshot = snapshot({
      services: [channel("ch_quiet"), service("app.example", "http"), BUSY],
    });
    const page = await dashboard.openSignedIn();
    expect(await page.textContent("#channels-title")).toBe("Channels 1,200 viewers");
    expect(await column(page, "#channels", 1)).toEqual(["ch_news", "ch_quiet"]);
    const cells = page.locator("#channels tbody tr").first().locator("td");
    expect(await cells.allTextContents()).toEqual([
      ...["ch_news", "1,200", "2.00 MB/s", "4.00 MiB", "1.50 KiB", "95 %", "125 ms", "2 of 2", "3"],
    ]);
    const title = (n: number) => cells.nth(n).getAttribute("title");
    expect(await title(5)).toBe("memory 90 %, R2 5 %, origin 5 %");
    expect(await title(7)).toBe("backup.example");
    expect(await title(8)).toBe("Viewers: origin_status 2, not_found 1. Origins: upstream_timeout 4");
    expect(await column(page, "#channels", 7)).toEqual(["125 ms", "–"]);
  });

  it("take no room while none was watched, and keep up", async () => {
    const page = await dashboard.openSignedIn();
    expect(await page.isVisible("#channels-card")).toBe(false);
    dashboard.edge.send(snapshot({ services: [channel("ch_a", { viewers: 1 })] }));
    await expect.poll(() => page.textContent("#channels-viewers")).toBe("1 viewer");
    expect(await page.isVisible("#channels-card")).toBe(true);
  });

  it("sort by keyboard", async () => {
    dashboard.edge.snapshot = snapshot({ services: [BUSY, channel("ch_a")] });
    const page = await dashboard.openSignedIn();
    await page.locator("#channels thead button").first().focus();
    await page.keyboard.press("Enter");
    expect(await column(page, "#channels", 1)).toEqual(["ch_a", "ch_news"]);
    expect(await page.locator("#channels thead th").first().getAttribute("aria-sort")).toBe("ascending");
  });

  it.each(["light", "dark"] as const)(
    "fit a phone in %s: the table scrolls, the page does not",
    async (scheme) => {
      dashboard.edge.snapshot = snapshot({ services: [BUSY] });
      const page = await dashboard.openSignedIn({
        viewport: { width: 360, height: 640 },
        colorScheme: scheme,
      });
      const scroller = page.locator("#channels .scroller");
      expect(await scroller.evaluate((node) => node.scrollWidth > node.clientWidth)).toBe(true);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
      const [text, card] = await page
        .locator("#channels tbody td")
        .first()
        .evaluate((node) => [
          getComputedStyle(node).color,
          getComputedStyle(node.closest(".card") ?? node).backgroundColor,
        ]);
      expect(text).not.toBe(card);
    },
  );
});
