// The page against a stand-in edge: by keyboard, on a phone, in light and dark, with reduced motion.

import { describe, expect, it } from "vitest";
import { flow, service, snapshot, tunnel } from "./sample.ts";
import { column, useDashboard } from "./use-dashboard.ts";

const dashboard = useDashboard();

describe("access to the page", () => {
  it("sorts by keyboard", async () => {
    dashboard.edge.snapshot = snapshot({
      services: [
        service("b.example", "http", { down: 10 }),
        service("a.example", "http", { down: 30 }),
        service("c.example", "http", { down: 20 }),
      ],
    });
    const page = await dashboard.openSignedIn();
    expect(await column(page, "#services", 1)).toEqual(["a.example", "c.example", "b.example"]);
    await page.focus("#services th:first-child button");
    await page.keyboard.press("Enter");
    expect(await column(page, "#services", 1)).toEqual(["a.example", "b.example", "c.example"]);
    expect(await page.getAttribute("#services th:first-child", "aria-sort")).toBe("ascending");
    await page.keyboard.press("Space");
    expect(await column(page, "#services", 1)).toEqual(["c.example", "b.example", "a.example"]);
    expect(await page.getAttribute("#services th:first-child", "aria-sort")).toBe("descending");
    dashboard.edge.send(
      snapshot({ services: [service("d.example", "http"), ...dashboard.edge.snapshot.services] }),
    );
    await expect.poll(() => column(page, "#services", 1)).toContain("d.example");
    expect((await column(page, "#services", 1))[0]).toBe("d.example");
  });

  it("closes a connection by keyboard, keeps the focus while rows change, and says what became of it", async () => {
    const at = (down: number) =>
      snapshot({ active: 1, connections: [flow("f1", { client: "203.0.113.9", down })] });
    dashboard.edge.snapshot = at(1);
    const page = await dashboard.openSignedIn();
    const name = /^Close the connection of 203\.0\.113\.9 to /;
    await expect
      .poll(() => {
        dashboard.edge.send(at(2));
        return page.getByRole("button", { name }).count();
      })
      .toBe(1);
    await page.getByRole("button", { name }).focus();
    dashboard.edge.send(at(1024));
    await expect.poll(() => page.textContent("#connections tbody")).toContain("1.00 KiB");
    dashboard.edge.closable = false;
    await page.keyboard.press("Enter");
    await expect.poll(() => page.getByRole("status").filter({ hasText: "cannot be closed" }).count()).toBe(1);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Close");
    dashboard.edge.closable = true;
    await page.keyboard.press("Space");
    await expect
      .poll(() => page.textContent("#connections-notice"))
      .toBe("The connection of 203.0.113.9 was closed.");
    expect(dashboard.edge.requests).toContain("DELETE /api/connections/f1");
  });

  it("offers viewers nothing to close", async () => {
    dashboard.edge.role = "viewer";
    dashboard.edge.snapshot = snapshot({ active: 1, connections: [flow("f1")] });
    const page = await dashboard.openSignedIn();
    await expect.poll(() => dashboard.edge.requests).toContain("GET /api/session");
    dashboard.edge.send(snapshot({ active: 1, connections: [flow("f1", { down: 1024 })] }));
    await expect.poll(() => page.textContent("#connections tbody")).toContain("1.00 KiB");
    expect(await page.locator("#connections tbody button").count()).toBe(0);
  });

  it("has a skip link first, a visible focus and a polite live region", async () => {
    const page = await dashboard.openSignedIn();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the content");
    const shown = await page.locator(".skip").boundingBox();
    expect(shown?.width).toBeGreaterThan(50);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("sign-out");
    expect(await page.evaluate(outlineOfFocus)).toBe("solid");
    expect(await page.getAttribute("#link-state", "aria-live")).toBe("polite");
  });

  it("fits a phone: the page never scrolls sideways, its tables do", async () => {
    dashboard.edge.snapshot = snapshot({
      services: [service("a-rather-long-host-name.of-a-customer.example.com", "http", { down: 2 ** 50 })],
      connections: [flow("f1", { target: `${"x".repeat(180)}.example:443` })],
      links: [
        {
          name: "n".repeat(60),
          connected: true,
          since: 0,
          version: "1",
          inbounds: [`mixed ${"1".repeat(80)}`],
          tunnels: [tunnel("t".repeat(60)), tunnel("t".repeat(60))],
        },
      ],
      lost_sources: 1,
    });
    const page = await dashboard.openSignedIn({
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
    });
    const [pageWidth, tableWidth] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.querySelector("#connections .scroller")?.scrollWidth ?? 0,
    ]);
    expect(pageWidth).toBe(360);
    expect(tableWidth).toBeGreaterThan(360);
    expect(await page.locator("#tunnels tbody tr").count()).toBe(2);
  });

  it("follows the system between light and dark, the chart too", async () => {
    const busy = snapshot();
    for (const point of busy.series.points) point[2] = 2_000_000;
    dashboard.edge.snapshot = busy;
    const page = await dashboard.openSignedIn({ colorScheme: "light" });
    const light = await page.evaluate(colours);
    expect(light.background).toBe("rgb(244, 245, 248)");
    await expect.poll(() => page.evaluate(countPixels, "#2563eb")).toBeGreaterThan(300);
    await page.emulateMedia({ colorScheme: "dark" });
    await expect.poll(() => page.evaluate(countPixels, "#6ea0ff")).toBeGreaterThan(300);
    const dark = await page.evaluate(colours);
    expect(dark.background).toBe("rgb(14, 17, 23)");
    expect(dark.text).not.toBe(light.text);
  });

  it("moves nothing for readers who ask for reduced motion", async () => {
    const page = await dashboard.openSignedIn({ reducedMotion: "reduce" });
    const duration = await page.evaluate(() => {
      const pill = document.querySelector(".pill");
      return pill && getComputedStyle(pill).transitionDuration;
    });
    expect(duration).toBe("0s");
  });
});

// The functions below run in the page.

function outlineOfFocus(): string | undefined {
  return document.activeElement ? getComputedStyle(document.activeElement).outlineStyle : undefined;
}

function colours(): { background: string; text: string } {
  const { backgroundColor, color } = getComputedStyle(document.body);
  return { background: backgroundColor, text: color };
}

/** Pixels of the chart that have exactly this colour. */
function countPixels(hex: string): number {
  const canvas = document.querySelector<HTMLCanvasElement>("#traffic canvas");
  const image = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
  const wanted = [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
  let count = 0;
  for (let i = 0; i < image.length; i += 4) {
    if (wanted.every((value, channel) => image[i + channel] === value)) count++;
  }
  return count;
}
