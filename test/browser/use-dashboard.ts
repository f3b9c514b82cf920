// What the dashboard's tests share: a browser, the built page on a stand-in edge, and the rule that no test may end with
// a script error, a refusal by the page's policy, or a request to anywhere else.

import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import { ROOT } from "../../relay/root.ts";
import { buildPage } from "../../relay/serve/build.ts";
import { BUILT } from "../../relay/serve/project.ts";
import { launchBrowser } from "../support/browser.ts";
import { FakeEdge } from "./fake-edge.ts";
import { snapshot } from "./sample.ts";

/** Where the built page is. */
export const PAGE = join(ROOT, BUILT.page);

export interface Dashboard {
  /** A fresh one for each test. */
  readonly edge: FakeEdge;
  /** Opens the page without a session. */
  open(options?: BrowserContextOptions, path?: string): Promise<Page>;
  /** Opens the page with a session and waits until it is live. */
  openSignedIn(options?: BrowserContextOptions): Promise<Page>;
}

/** Sets all of it up for the calling test file. */
export function useDashboard(): Dashboard {
  vi.setConfig({ testTimeout: 20_000, hookTimeout: 60_000 });
  let browser: Browser;
  let context: BrowserContext | undefined;
  let edge: FakeEdge;
  let problems: string[];

  beforeAll(async () => {
    await buildPage();
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    edge = new FakeEdge(PAGE, snapshot());
    await edge.start();
    problems = [];
  });
  afterEach(async () => {
    await context?.close();
    await edge.stop();
    expect(problems).toEqual([]);
  });

  async function open(options: BrowserContextOptions = {}, path = "/"): Promise<Page> {
    context = await browser.newContext(options);
    const page = await context.newPage();
    watchForProblems(page, edge.url, problems);
    await page.goto(edge.url + path);
    return page;
  }

  async function openSignedIn(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await open({ ...options, storageState: { cookies: [edge.signIn()], origins: [] } });
    await expect.poll(() => page.textContent("#link-state")).toBe("Live");
    return page;
  }

  return {
    get edge() {
      return edge;
    },
    open,
    openSignedIn,
  };
}

function watchForProblems(page: Page, home: string, problems: string[]): void {
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) problems.push(message.text());
  });
  page.on("request", (request) => {
    const own = request.url().startsWith(home) || /^(data|about):/.test(request.url());
    if (!own) problems.push(`asked for ${request.url()}`);
  });
}

/** The texts of a table's column, from 1. */
export function column(page: Page, table: string, index: number): Promise<string[]> {
  return page.locator(`${table} tbody td:nth-child(${index})`).allTextContents();
}

/** One of the tiles at the top. */
export function tile(page: Page, name: string): Locator {
  return page.locator(`.tile.${name}`);
}
