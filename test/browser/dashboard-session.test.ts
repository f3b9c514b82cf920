// The page against a stand-in edge: how it signs in and out, and how it comes back when the edge was away.

import { describe, expect, it } from "vitest";
import { DASHBOARD_LIMITS } from "../../shared/limits.ts";
import { CODE, TOKEN } from "./fake-edge.ts";
import { snapshot } from "./sample.ts";
import { tile, useDashboard } from "./use-dashboard.ts";

const dashboard = useDashboard();

describe("the connection", () => {
  it("comes back by itself and says since when nothing came", async () => {
    const page = await dashboard.openSignedIn();
    dashboard.edge.away = true;
    dashboard.edge.drop();
    await expect
      .poll(() => page.textContent("#link-state"))
      .toMatch(/^Reconnecting… No data since \d\d:\d\d:\d\d$/);
    expect(await page.locator("#dashboard.stale").count()).toBe(1);
    dashboard.edge.snapshot = snapshot({ rates: { up: 0, down: 4242, requests: 0 } });
    dashboard.edge.away = false;
    await expect.poll(() => page.textContent("#link-state"), { timeout: 10_000 }).toBe("Live");
    expect(await tile(page, "down").textContent()).toContain("4.24 kB/s");
    expect(await page.locator("#dashboard.stale").count()).toBe(0);
    expect(dashboard.edge.viewers).toBe(1);
  });

  it("notices an edge that has fallen silent", async () => {
    const page = await dashboard.openSignedIn();
    const asked = dashboard.edge.requests.length;
    await page.clock.install();
    // The wait for the next message begins with this one, now by the page's clock that the test moves.
    dashboard.edge.send(snapshot({ rates: { up: 0, down: 5, requests: 0 } }));
    await expect.poll(() => tile(page, "down").textContent()).toContain("5 B/s");
    dashboard.edge.away = true;
    await page.clock.fastForward(DASHBOARD_LIMITS.SILENT_MS);
    await expect.poll(() => page.textContent("#link-state")).toMatch(/^Reconnecting/);
    await page.clock.fastForward(DASHBOARD_LIMITS.RECONNECT_FIRST_MS);
    await expect.poll(() => dashboard.edge.requests.length).toBeGreaterThan(asked);
  });

  it("asks to sign in when the session ended meanwhile", async () => {
    const page = await dashboard.openSignedIn();
    const asked = dashboard.edge.requests.length;
    await page.evaluate(() => {
      const states: string[] = [];
      Object.assign(window, { states });
      const host = document.getElementById("link-state");
      if (host) new MutationObserver(() => states.push(host.textContent)).observe(host, { childList: true });
    });
    dashboard.edge.renew();
    await expect.poll(() => dashboard.edge.requests.length).toBe(asked + 1);
    await expect.poll(() => dashboard.edge.viewers).toBe(1);
    // Nothing was lost, and nobody is told that anything was.
    expect(await page.evaluate(() => (window as unknown as { states: string[] }).states)).toEqual([]);
    dashboard.edge.sessions.clear();
    dashboard.edge.renew();
    await expect.poll(() => page.isVisible("#login"), { timeout: 5000 }).toBe(true);
    expect(await page.isVisible("#dashboard")).toBe(false);
    expect(await page.textContent("#login-problem")).toBe("Your session has ended. Sign in again.");
  });
});

describe("the session", () => {
  it("begins with a token; a wrong one is explained", async () => {
    const page = await dashboard.open();
    await page.fill("#token", "wrong");
    await page.press("#token", "Enter");
    await expect.poll(() => page.textContent("#login-problem")).toBe("The edge does not know this token.");
    expect(await page.inputValue("#token")).toBe("");
    await page.fill("#token", TOKEN);
    await page.press("#token", "Enter");
    await expect.poll(() => page.textContent("#link-state")).toBe("Live");
    expect(await page.isVisible("#login")).toBe(false);
  });

  it("begins with a login link, whose code leaves the address", async () => {
    const page = await dashboard.open({}, `/#login=${CODE}`);
    await expect.poll(() => page.textContent("#link-state")).toBe("Live");
    expect(page.url()).toBe(`${dashboard.edge.url}/`);
    expect(dashboard.edge.requests.some((request) => request.includes(CODE))).toBe(false);
  });

  it("explains a login link that was used before, and takes a new one in the same tab", async () => {
    const page = await dashboard.open({}, "/#login=used-code");
    await expect.poll(() => page.textContent("#login-problem")).toContain("used before or has expired");
    expect(page.url()).toBe(`${dashboard.edge.url}/`);
    await page.goto(`${dashboard.edge.url}/#login=${CODE}`);
    await expect.poll(() => page.textContent("#link-state")).toBe("Live");
  });

  it("goes on when a used login link is opened again in the same browser", async () => {
    const page = await dashboard.openSignedIn();
    await page.goto("about:blank");
    await page.goto(`${dashboard.edge.url}/#login=used-code`);
    await expect.poll(() => page.textContent("#link-state")).toBe("Live");
    expect(await page.isVisible("#login")).toBe(false);
  });

  it("ends by signing out", async () => {
    const page = await dashboard.openSignedIn();
    await page.click("#sign-out");
    await expect.poll(() => page.isVisible("#login")).toBe(true);
    await expect.poll(() => dashboard.edge.viewers).toBe(0);
    expect(dashboard.edge.requests).toContain("DELETE /api/session");
    await page.reload();
    await expect.poll(() => page.isVisible("#login")).toBe(true);
  });
});
