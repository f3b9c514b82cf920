// HTTP load on loopback, bounded in time: wrk where it is installed, else a small generator in a process of its own.
// Both sides of a comparison use the same one.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { isInstalled } from "./children.ts";

const run = promisify(execFile);

export interface Load {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requestsPerS: number;
  readonly errors: number;
}

export const GENERATOR = isInstalled("wrk") ? "wrk" : "the generator in test/bench/generator.ts";

export async function load(options: Load): Promise<LoadResult> {
  return isInstalled("wrk") ? wrk(options) : ownGenerator(options);
}

async function wrk({ port, host, path, connections, seconds }: Load): Promise<LoadResult> {
  const url = `http://127.0.0.1:${port}${path}`;
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "-H", `Host: ${host}`, url];
  const { stdout } = await run("wrk", args);
  const figure = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? 0);
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout);
  const broken = (socketErrors ?? []).slice(1).reduce((sum, count) => sum + Number(count), 0);
  return {
    requestsPerS: figure(/Requests\/sec:\s+([\d.]+)/),
    errors: broken + figure(/Non-2xx or 3xx responses: (\d+)/),
  };
}

async function ownGenerator(options: Load): Promise<LoadResult> {
  const { stdout } = await run(process.execPath, [
    join(import.meta.dirname, "generator.ts"),
    JSON.stringify(options),
  ]);
  return JSON.parse(stdout) as LoadResult;
}
