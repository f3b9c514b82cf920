// How many connections a second a SOCKS proxy opens, each with one small request: wrk under proxychains4, because a generator
// in Node would be the limit itself. wrk's threads stand still during the proxy's handshake, so there are many of them; they
// dial several addresses of 127/8, so that no pair of addresses runs out of ports.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { namedPort } from "../support/named-port.ts";
import { type Child, cpuSeconds, isInstalled, startProgram, startScript } from "./children.ts";
import type { Peer } from "./relay-peers.ts";

const THREADS = 12;
const TARGETS = ["127.0.0.2", "127.0.0.3"] as const;
const NEEDED = ["wrk", "proxychains4"] as const;

export interface Rate {
  readonly perS: number;
  /** CPU time of the proxy for one connection. */
  readonly cpuUs: number;
}

/** Programs that are missing for it. */
export function missingForRate(): string[] {
  return NEEDED.filter((command) => !isInstalled(command));
}

/** An HTTP origin on every address of 127/8 that closes each connection after its answer. */
export async function startRateOrigin(
  directory: string,
): Promise<{ child: Child; port: number; name: string }> {
  const port = await namedPort();
  if (!isInstalled("haproxy")) {
    return { child: await startScript("http-origin.ts", port), port, name: "Node, which may be the limit" };
  }
  const config = join(directory, "origin.cfg");
  await writeFile(
    config,
    `global
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
frontend answers
  bind :${port}
  http-request return status 200 content-type text/plain string ok
`,
  );
  return { child: await startProgram("haproxy", ["-db", "-f", config], port), port, name: "haproxy" };
}

export async function connectionRate(
  peer: Peer,
  { directory, originPort, seconds }: { directory: string; originPort: number; seconds: number },
): Promise<Rate> {
  const config = join(directory, `proxychains-${peer.port}.conf`);
  await writeFile(config, `strict_chain\nquiet_mode\n[ProxyList]\nsocks5 127.0.0.1 ${peer.port}\n`);
  const before = cpuSeconds(peer.child.pid);
  const outputs = await Promise.all(
    TARGETS.map((target) =>
      promisify(execFile)("proxychains4", [
        ...["-q", "-f", config, "wrk", "-t", `${THREADS}`, "-c", `${THREADS}`, "-d", `${seconds}`],
        ...["-H", "Connection: close", `http://${target}:${originPort}/`],
      ]),
    ),
  );
  const cpu = cpuSeconds(peer.child.pid) - before;
  const counted = outputs.map(({ stdout }) => Number(/(\d+) requests in/.exec(stdout)?.[1] ?? Number.NaN));
  const total = counted.reduce((sum, requests) => sum + requests, 0);
  return { perS: total / seconds, cpuUs: (cpu * 1e6) / total };
}
