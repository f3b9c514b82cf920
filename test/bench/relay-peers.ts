// The proxies that `npm run bench:relay` compares, each started as its users would start it. Programs that are not
// installed are named as missing.

import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { namedPort } from "../support/named-port.ts";
import { type Child, isInstalled, startProgram, startScript } from "./children.ts";

export interface Peer {
  readonly name: string;
  readonly port: number;
  /** False: a plain TCP forward to the origin, which has no handshake. */
  readonly isSocks: boolean;
  /** Another way to run one of the others, of interest only where threads could help. */
  readonly isVariant?: boolean;
  readonly child: Child;
}

const ROOT = join(import.meta.dirname, "..", "..");

export async function startPeers(
  originPort: number,
): Promise<{ peers: Peer[]; missing: string[]; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), "causeway-bench-"));
  const peers = [await causeway(directory), await causeway(directory, 2), await pipeProxy()];
  const missing: string[] = [];
  const optional: readonly [string, () => Promise<Peer>][] = [
    ["danted", () => dante(directory)],
    ["microsocks", microsocks],
    ["haproxy", () => haproxy(directory, originPort)],
  ];
  for (const [command, start] of optional) {
    if (isInstalled(command)) peers.push(await start());
    else missing.push(command);
  }
  // Two more that people compare with: named, so that nobody takes them for measured.
  missing.push(...["3proxy", "gost"].filter((command) => !isInstalled(command)));
  return { peers, missing, directory };
}

async function causeway(directory: string, workers = 1): Promise<Peer> {
  const port = await namedPort();
  const config = join(directory, `causeway-${workers}.toml`);
  await writeFile(
    config,
    `[relay]\nworkers = ${workers}\n[[relay.inbounds]]\nkind = "mixed"\nlisten = "127.0.0.1:${port}"\n`,
  );
  const args = [join(ROOT, "relay/main.ts"), "relay", "--config", config, "--log-level", "warn"];
  const child = await startProgram(process.execPath, args, port);
  const name = workers === 1 ? "causeway" : `causeway, workers = ${workers}`;
  return { name, port, isSocks: true, isVariant: workers > 1, child };
}

async function pipeProxy(): Promise<Peer> {
  const port = await namedPort();
  return { name: "Node pipe", port, isSocks: true, child: await startScript("pipe-proxy.ts", port) };
}

async function dante(directory: string): Promise<Peer> {
  const port = await namedPort();
  const config = join(directory, "danted.conf");
  await writeFile(
    config,
    `logoutput: ${directory}/danted.log
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
`,
  );
  const child = await startProgram("danted", ["-f", config, "-p", `${directory}/danted.pid`], port);
  return { name: "dante", port, isSocks: true, child };
}

async function microsocks(): Promise<Peer> {
  const port = await namedPort();
  const child = await startProgram("microsocks", ["-i", "127.0.0.1", "-p", String(port)], port);
  return { name: "microsocks", port, isSocks: true, child };
}

async function haproxy(directory: string, originPort: number): Promise<Peer> {
  const port = await namedPort();
  const config = join(directory, "haproxy.cfg");
  await writeFile(
    config,
    `defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen forward
  bind 127.0.0.1:${port}
  server origin 127.0.0.1:${originPort}
`,
  );
  const child = await startProgram("haproxy", ["-db", "-f", config], port);
  return { name: "haproxy (tcp)", port, isSocks: false, child };
}
