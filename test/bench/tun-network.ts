// Two network namespaces joined by a link in user space (tun-link.ts), so that TCP and UDP cross the same one: for
// `npm run bench:udpack`. Needs Linux and root. All that is made here is gone when this process is, unless it is killed outright.

import { execFile, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { isInstalled } from "./children.ts";
import type { LinkCounts, LinkSettings } from "./tun-direction.ts";
import type { TunLinkOrder } from "./tun-link.ts";
import { namespaceSide, type Side } from "./udpack-side.ts";

/** Of iproute2. */
const IP = "ip";
const SIDES = ["near", "far"] as const;
/** Reserved for benchmarks by RFC 2544. */
const HOSTS = { near: "198.18.0.1", far: "198.18.0.2" } as const;
/** Packets that a device keeps for the link: only the link's own queue is to lose any. */
const DEVICE_QUEUE_PACKETS = 10_000;
const COMMAND_TIMEOUT_MS = 10_000;
/** No neighbour discovery on the link, and no connection learns from those before. */
const SYSCTLS = { "net/ipv6/conf/all/disable_ipv6": "1", "net/ipv4/tcp_no_metrics_save": "1" } as const;

export interface TunNetwork {
  /** Where clients are, and where servers and the origin are. */
  readonly near: Side;
  readonly far: Side;
  /** Sets the part of the packets that is lost, each way. */
  lose(part: number): Promise<void>;
  /** What the link has seen. */
  counts(): Promise<LinkCounts>;
  /** TCP connections to come use this congestion control. @throws where the kernel has none of that name */
  useCongestionControl(name: string): Promise<void>;
  close(): void;
}

/** Why there can be no such network here; undefined: there can. */
export function whyNoTunNetwork(): string | undefined {
  if (process.platform !== "linux") return "that takes Linux";
  if (process.getuid?.() !== 0) return "that takes root";
  if (!existsSync("/dev/net/tun")) return "there is no /dev/net/tun";
  return isInstalled(IP) ? undefined : "iproute2 is not installed";
}

/** @throws what the system says where it does not let namespaces or devices be made */
export async function openTunNetwork(settings: LinkSettings, mtu: number): Promise<TunNetwork> {
  const names = { near: `cw${process.pid}n`, far: `cw${process.pid}f` } as const;
  const link = startLink({ ...names, ...settings });
  const remove = () => {
    for (const side of SIDES) spawnSync(IP, ["netns", "del", names[side]], { stdio: "ignore" });
  };
  const close = () => {
    link.end();
    remove();
    process.removeListener("exit", remove);
  };
  process.once("exit", remove);
  try {
    // Its first answer comes when the devices are there.
    await link.answer();
    for (const side of SIDES) await ip("netns", "add", names[side]);
    const [near, far] = SIDES.map((side) => namespaceSide(names[side], HOSTS[side])) as [Side, Side];
    await configure(near, names.near, HOSTS.far, mtu);
    await configure(far, names.far, HOSTS.near, mtu);
    return {
      near,
      far,
      lose: async (part) => void (await link.ask(String(part))),
      counts: () => link.ask("?"),
      async useCongestionControl(name) {
        await route(near, names.near, HOSTS.far, name);
        await route(far, names.far, HOSTS.near, name);
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function startLink(order: TunLinkOrder) {
  const script = join(import.meta.dirname, "tun-link.ts");
  const args = ["--disable-warning=ExperimentalWarning", script, JSON.stringify(order)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<LinkCounts> => {
    const { done, value } = await lines.next();
    if (done) throw new Error("Cannot ask the link: it has ended");
    return JSON.parse(value) as LinkCounts;
  };
  return {
    answer,
    ask(line: string): Promise<LinkCounts> {
      child.stdin.write(`${line}\n`);
      return answer();
    },
    end: () => void child.stdin.end(),
  };
}

/** Gives a namespace its device, which has the namespace's name, and an address whose peer is the other end. */
async function configure(side: Side, device: string, peer: string, mtu: number): Promise<void> {
  await ip("link", "set", device, "netns", device);
  for (const [name, value] of Object.entries(SYSCTLS)) await setSysctl(side, name, value);
  const inside = (...args: string[]) => side.run(IP, args, COMMAND_TIMEOUT_MS);
  await inside("link", "set", "lo", "up");
  await inside("address", "add", side.host, "peer", peer, "dev", device);
  await inside("link", "set", device, "mtu", String(mtu), "txqueuelen", String(DEVICE_QUEUE_PACKETS), "up");
}

/** By the route: namespaces may only choose their default from what the machine allows everybody. */
async function route(side: Side, device: string, peer: string, congestionControl: string): Promise<void> {
  const args = ["route", "replace", peer, "dev", device, "src", side.host, "congctl", congestionControl];
  await side.run(IP, args, COMMAND_TIMEOUT_MS);
}

async function setSysctl(side: Side, name: string, value: string): Promise<void> {
  await side.run("sh", ["-c", `echo "$2" > "/proc/sys/$1"`, "sh", name, value], COMMAND_TIMEOUT_MS);
}

async function ip(...args: string[]): Promise<void> {
  await promisify(execFile)(IP, args, { timeout: COMMAND_TIMEOUT_MS });
}
