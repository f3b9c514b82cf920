// The page against a stand-in edge: what it shows, and that hostile text stays text.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { zeroCounters } from "../../shared/flow/counters.ts";
import { DASHBOARD_LIMITS } from "../../shared/limits.ts";
import { flow, service, snapshot, tunnel } from "./sample.ts";
import { column, PAGE, tile, useDashboard } from "./use-dashboard.ts";

const PAGE_JS_BYTES_MAX = 700_000;

const dashboard = useDashboard();

describe("the dashboard", () => {
  it("shows totals, rates, services, connections and relays", async () => {
    dashboard.edge.snapshot = snapshot({
      totals: {
        ...zeroCounters(),
        requests: 12,
        up: 2048,
        down: 64 * 1024 * 1024,
        aborted: 2,
        errors: 1,
        hits: 3,
        misses: 1,
      },
      rates: { up: 1500, down: 12_500_000, requests: 3 },
      services: [
        { ...service("app.example", "http", { down: 1024 }), active: 1 },
        service("chat.example", "ws", { messages_up: 1_000, messages_down: 500 }),
      ],
      connections: [flow("f1", { down: 1536, target: "files.example:443" })],
      links: [
        {
          name: "main",
          connected: true,
          since: Date.now(),
          version: "1.2.3",
          inbounds: ["mixed 127.0.0.1:1080"],
          tunnels: [tunnel("laptop")],
        },
      ],
    });
    const page = await dashboard.openSignedIn();
    expect(await tile(page, "down").textContent()).toBe("Down12.5 MB/s64.0 MiB in all");
    expect(await tile(page, "up").textContent()).toContain("1.50 kB/s");
    expect(await tile(page, "cache").textContent()).toContain("75 %");
    expect(await tile(page, "problems").textContent()).toBe("Errors12 aborted");
    expect(await page.textContent("#services tbody")).toContain("app.example");
    expect(await column(page, "#services", 9)).toEqual(["–", "1,500"]);
    expect(await page.textContent("#connections tbody")).toContain("files.example:443");
    expect(await page.textContent("#connections tbody")).toContain("1.50 KiB");
    expect(await page.textContent("#relays")).toMatch(
      /main\s*connected[\s\S]*version 1\.2\.3[\s\S]*mixed 127\.0\.0\.1:1080/,
    );
    const cells = await page.locator("#tunnels tbody td").allTextContents();
    expect(cells).toEqual([
      "from laptop",
      "main",
      "192.0.2.7:4000",
      "offload",
      "48 ms",
      "1.2 %",
      "12.5 MB/s",
      "3",
    ]);
  });

  it("keeps the place in the table of tunnels while their figures change, and shows none when they are gone", async () => {
    const link = { name: "main", connected: true, since: 0, version: "1", inbounds: [] };
    const links = (rtt_ms: number) => [{ ...link, tunnels: [tunnel("laptop", { rtt_ms }), tunnel("phone")] }];
    dashboard.edge.snapshot = snapshot({ links: links(10) });
    const page = await dashboard.openSignedIn();
    const head = page.locator("#tunnels th button", { hasText: "Round trip" });
    await head.press("Enter");
    expect(await column(page, "#tunnels", 1)).toEqual(["from phone", "from laptop"]);
    dashboard.edge.send(snapshot({ links: links(90) }));
    await expect.poll(() => column(page, "#tunnels", 5)).toEqual(["90 ms", "48 ms"]);
    expect(await head.evaluate((node) => node === document.activeElement)).toBe(true);
    dashboard.edge.send(snapshot({ links: [link] }));
    await expect.poll(() => page.isVisible("#tunnels")).toBe(false);
  });

  it("shows what was refused by code, how much of a quota is used, and when a host expires", async () => {
    const host = {
      ...service("app.example", "http", { errors: 7 }),
      refused: { rate_limited: 2, sign_in_required: 5 },
      quota: { used: 250, limit: 1_000, resets_at: Date.UTC(2027, 0, 1) },
      expires_at: Date.UTC(2027, 11, 31),
    };
    dashboard.edge.snapshot = snapshot({ services: [host, service("plain.example", "http")] });
    const page = await dashboard.openSignedIn();
    const cells = page.locator("#services tbody tr", { hasText: "app.example" }).locator("td");
    expect(await cells.nth(9).getAttribute("title")).toBe("sign_in_required 5, rate_limited 2");
    expect(await cells.nth(12).textContent()).toBe("25 %");
    expect(await cells.nth(12).getAttribute("title")).toContain("250 B of 1000 B, resets");
    expect(await cells.nth(13).textContent()).toBe("2027-12-31");
    const plain = page.locator("#services tbody tr", { hasText: "plain.example" }).locator("td");
    expect(await plain.nth(12).textContent()).toBe("–");
    expect(await plain.nth(13).textContent()).toBe("–");
  });

  it("keeps up with snapshots and with the events between them", async () => {
    const page = await dashboard.openSignedIn();
    dashboard.edge.send({
      type: "connections",
      opened: [flow("f1", { user: "carol" })],
      closed: [],
      dropped: 0,
    });
    await expect.poll(() => page.textContent("#connections")).toContain("carol");
    const closed = { ...flow("f1", { user: "carol" }), ended_at: Date.now(), reason: "aborted" as const };
    dashboard.edge.send({ type: "connections", opened: [], closed: [closed], dropped: 0 });
    await expect.poll(() => page.textContent("#connections .faded")).toContain("aborted");
    dashboard.edge.send(snapshot({ rates: { up: 0, down: 777, requests: 0 } }));
    await expect.poll(() => tile(page, "down").textContent()).toContain("777 B/s");
  });

  it("says how many connections a snapshot leaves out", async () => {
    dashboard.edge.snapshot = snapshot({ active: 1234, connections: [flow("f1")] });
    const page = await dashboard.openSignedIn();
    expect(await page.textContent("#connections-count")).toBe("1 of 1,234 listed");
    dashboard.edge.send(snapshot({ connections: [flow("f1")] }));
    await expect.poll(() => page.textContent("#connections-count")).toBe("");
  });

  it("explains what is empty, and warns of lost sources", async () => {
    const page = await dashboard.openSignedIn();
    expect(await page.textContent("#connections")).toMatch(/No connections yet.*Try: curl/s);
    expect(await page.textContent("#services")).toMatch(/Nothing was counted yet.*Try: curl/s);
    expect(await page.textContent("#relays")).toMatch(/No relay has connected yet/);
    expect(await page.isVisible("#lost-sources")).toBe(false);
    dashboard.edge.send(snapshot({ lost_sources: 2 }));
    await expect.poll(() => page.textContent("#lost-sources")).toContain("2 sources fell silent");
  });

  it("draws at most a bounded number of rows and says what it leaves out", async () => {
    const services = Array.from({ length: DASHBOARD_LIMITS.ROWS_MAX + 7 }, (_, i) =>
      service(`s${i}`, "http"),
    );
    dashboard.edge.snapshot = snapshot({ services });
    const page = await dashboard.openSignedIn();
    expect(await page.locator("#services tbody tr").count()).toBe(DASHBOARD_LIMITS.ROWS_MAX);
    expect(await page.textContent("#services")).toContain("7 more are not shown");
  });

  it("shows hostile text as text", async () => {
    const hostile = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`;
    dashboard.edge.snapshot = snapshot({
      services: [service(hostile, "http")],
      connections: [flow("f1", { target: hostile, user: hostile, client: hostile })],
      links: [{ name: hostile, connected: false, since: 0, version: hostile, inbounds: [hostile] }],
    });
    const page = await dashboard.openSignedIn();
    expect(await column(page, "#connections", 4)).toEqual([hostile]);
    expect(await page.textContent("#relays")).toContain(hostile);
    expect(await page.locator("main img, main script").count()).toBe(0);
    expect(await page.evaluate(() => "pwned" in window)).toBe(false);
  });

  it("loads little", async () => {
    expect((await stat(join(PAGE, "app.js"))).size).toBeLessThan(PAGE_JS_BYTES_MAX);
  });
});
