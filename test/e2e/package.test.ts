// The published package: packed, installed under node_modules, where Node strips no types, and run as people run it.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../relay/root.ts";
import { runProgram } from "../support/cli.ts";

const execute = promisify(execFile);
let directory: string;
let main: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "causeway-package-"));
  const { stdout } = await execute("npm", ["pack", "--json", "--pack-destination", directory], { cwd: ROOT });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf("["))) as [{ filename: string }];
  const installed = join(directory, "node_modules/causeway");
  await mkdir(installed, { recursive: true });
  await execute("tar", ["-xzf", join(directory, filename), "--strip-components=1", "-C", installed]);
  await symlink(join(ROOT, "node_modules"), join(installed, "node_modules"));
  const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  main = join(installed, manifest.bin.causeway);
}, 120_000);

afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));

describe("the packed CLI", { timeout: 60_000 }, () => {
  it("carries no sources and can be run by itself", async () => {
    expect((await readFile(main, "utf8")).split("\n")[0]).toBe("#!/usr/bin/env node");
    expect((await stat(join(ROOT, "dist/causeway.js"))).mode & 0o111).toBe(0o111);
    const { stdout } = await execute("find", [join(directory, "node_modules/causeway/"), "-name", "*.ts"]);
    expect(stdout).toBe("");
  });

  it("prints its help and its version", async () => {
    const help = await execute(process.execPath, [main, "--help"]);
    expect(help.stdout).toContain("Usage: causeway COMMAND");
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
    expect((await execute(process.execPath, [main, "--version"])).stdout.trim()).toBe(version);
  });

  it("runs the demo origin with its recorded channel", async () => {
    const run = runProgram(main, ["demo", "--demo-port", "0"], { cwd: directory });
    const [, url = ""] = await run.until(/listens on (http:\S+)/);
    const playlist = await (await fetch(`${url}/live/index.m3u8`)).text();
    const segment = await fetch(`${url}/live/${playlist.trim().split("\n").at(-1)}`);
    expect((await segment.arrayBuffer()).byteLength).toBeGreaterThan(10_000);
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(0);
  });

  it("serves connections by threads, whose entry it carries", async () => {
    const config = join(directory, "threads.toml");
    const inbound = '[[relay.inbounds]]\nkind = "mixed"\nlisten = "127.0.0.1:0"\n';
    await writeFile(config, `[relay]\nworkers = 2\n${inbound}`);
    const demo = runProgram(main, ["demo", "--demo-port", "0"], { cwd: directory });
    const [, url = ""] = await demo.until(/listens on (http:\S+)/);
    const run = runProgram(main, ["relay", "--config", config], { cwd: directory });
    const [, address = ""] = await run.until(/mixed inbound listens on (127\.0\.0\.1:\d+)\n/);
    const { stdout } = await execute("curl", ["-sS", "-x", `socks5h://${address}`, `${url}/status/200`]);
    expect(stdout).toBe("status 200\n");
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(0);
    demo.child.kill("SIGTERM");
    expect(await demo.ended).toBe(0);
  });

  it("starts everything from the built edge it carries", async () => {
    const text = await readFile(join(directory, "node_modules/causeway/causeway.toml"), "utf8");
    const onFreePorts = text.replaceAll(/^listen = "127\.0\.0\.1:\d+"$/gm, 'listen = "127.0.0.1:0"');
    await writeFile(join(directory, "causeway.toml"), onFreePorts);
    const run = runProgram(main, ["start", "--edge-port", "0", "--demo-port", "0"], { cwd: directory });
    await run.until(/Stop with Ctrl-C/);
    const [, edge = ""] = /(http:\S+)\/#login=/.exec(run.out) ?? [];
    expect((await fetch(`${edge}/ready`)).status).toBe(200);
    expect((await fetch(`${edge}/app.js`)).status).toBe(200);
    const login = await execute(process.execPath, [main, "login", "--edge", edge], { cwd: directory });
    expect(login.stdout).toMatch(/#login=\S+\n$/);
    const push = await execute(process.execPath, [main, "push", "--edge", edge], { cwd: directory });
    expect(push.stdout).toContain("version 2");
    run.child.kill("SIGTERM");
    expect(await run.ended).toBe(0);
  });
});
