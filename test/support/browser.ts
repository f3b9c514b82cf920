// The browser of the tests: the Chromium inside @sparticuz/chromium, driven by playwright-core.
// It must work on a machine that has nothing but Node and the npm packages: libraries and fonts come with the package.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PACKAGE = join(ROOT, "node_modules/@sparticuz/chromium/package.json");
const CACHE = join(ROOT, "node_modules/.cache");

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-zygote",
  "--autoplay-policy=no-user-gesture-required",
  // Every name of the tests is this machine: *.localhost must not depend on the system's resolver.
  "--host-resolver-rules=MAP *.localhost 127.0.0.1",
];

/**
 * Starts a Chromium with an empty profile, which goes away when the browser is closed. It plays H.264 and AAC.
 * @throws when the platform has no build in @sparticuz/chromium (it serves Linux only).
 */
export async function launchBrowser(): Promise<Browser> {
  const home = await unpacked();
  return await chromium.launch({
    executablePath: join(home, "chromium"),
    headless: true,
    chromiumSandbox: false,
    args: FLAGS,
    env: {
      ...definedEnv(),
      FONTCONFIG_PATH: join(home, "fonts"),
      LD_LIBRARY_PATH: [join(home, "al2023/lib"), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":"),
    },
  });
}

function definedEnv(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return Object.fromEntries(entries);
}

/** Unpacks once per version. The rename makes it appear whole, so test files starting together cannot meet half of it. */
async function unpacked(): Promise<string> {
  const { version } = JSON.parse(await readFile(PACKAGE, "utf8")) as { version: string };
  const home = join(CACHE, `chromium-${version}`);
  if (existsSync(home)) return home;
  await mkdir(CACHE, { recursive: true });
  const staging = await mkdtemp(join(CACHE, "unpacking-"));
  const script = fileURLToPath(new URL("unpack-browser.ts", import.meta.url));
  try {
    await promisify(execFile)(process.execPath, [script], { env: { ...process.env, TMPDIR: staging } });
    await rename(staging, home);
  } catch (cause) {
    await rm(staging, { recursive: true, force: true });
    if (!existsSync(home)) throw new Error("Cannot unpack the browser of @sparticuz/chromium", { cause });
  }
  return home;
}
