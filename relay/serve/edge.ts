// Serves the edge on this machine: workerd, started by Miniflare, with a socket that leads straight to the Worker.
// (Miniflare's own entry worker costs most of the throughput, `wrangler dev` nearly all of it.)

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type WorkerdStructuredLog } from "miniflare";
import { formatAuthority } from "../../shared/net/address.ts";
import { ROOT } from "../root.ts";
import { claimPort, PortTakenError } from "./listen.ts";
import { originNetwork, publicNetwork } from "./networks.ts";
import { BUILT, readManifest } from "./project.ts";
import { type RuntimeProcesses, shieldFromInterrupt, watchRuntime } from "./runtime-processes.ts";

const LOOPBACK = "127.0.0.1";
/** Miniflare's code for a port that workerd finds taken. */
const ADDRESS_IN_USE = "ERR_ADDRESS_IN_USE";

export interface EdgeOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Objects' storage and the cache live below it. */
  readonly stateDir: string;
  /**
   * ADMIN_TOKEN, ROOT_KEY and whatever is to differ from the vars of wrangler.toml. FRONT_SECRET lets a reverse proxy in
   * front name the client; without it nobody may.
   */
  readonly vars: Readonly<Record<string, string>>;
  /** Buckets by their bindings, besides those of wrangler.toml; they live below `stateDir`, too. */
  readonly buckets?: Readonly<Record<string, string>>;
  /** What the runtime and the Worker log; nothing is printed without it. */
  readonly onLog?: (level: string, message: string) => void;
}

export interface Edge {
  /** Base URL without a final slash. */
  readonly url: string;
  readonly port: number;
  /** Id of the workerd process; undefined while it is down. */
  readonly pid: number | undefined;
  /** Ends workerd and frees the port. */
  stop(): Promise<void>;
}

/**
 * Starts the edge from the built files.
 * @throws {PortTakenError} when something else listens on the port.
 */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const { host } = options;
  const named = { host, port: options.port, setting: "--edge-port" };
  // A free port workerd takes by itself: one that was found free here could be somebody else's a moment later.
  if (named.port !== 0) await claimPort(named);
  await shieldFromInterrupt(options.stateDir);
  const processes = watchRuntime();
  const miniflare = processes.watch(() => new Miniflare(miniflareOptions(options)));
  let port: number;
  try {
    await miniflare.ready;
    port = Number((await miniflare.unsafeGetDirectURL()).port || 80);
  } catch (error) {
    await stop(miniflare, processes);
    if ((error as { code?: unknown }).code === ADDRESS_IN_USE)
      throw new PortTakenError(named, { cause: error });
    throw new Error(
      `Cannot start the edge on ${formatAuthority(host, named.port)}: ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  }
  return {
    url: `http://${formatAuthority(host, port)}`,
    port,
    get pid() {
      return processes.pid;
    },
    stop: () => stop(miniflare, processes),
  };
}

function miniflareOptions({ host, port, stateDir, vars, buckets, onLog }: EdgeOptions) {
  const manifest = readManifest();
  const { compatibility_date: compatibilityDate, compatibility_flags: compatibilityFlags } = manifest;
  const objects = manifest.durable_objects.bindings.map(({ name, class_name }) => [
    name,
    { className: class_name, useSQLite: true },
  ]);
  const declared = manifest.r2_buckets.map(({ binding, bucket_name }) => [binding, bucket_name]);
  return convertV4MiniflareOptions({
    rootPath: ROOT,
    // The entry worker goes unused; it gets a free port on loopback.
    host: LOOPBACK,
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    log: new Log(LogLevel.NONE),
    logRequests: false,
    handleStructuredLogs: ({ level, message }: WorkerdStructuredLog) => onLog?.(level, message),
    resourcePersistencePath: join(stateDir, "edge"),
    workers: [
      {
        name: manifest.name,
        modules: true,
        modulesRoot: join(ROOT, "dist/edge"),
        scriptPath: BUILT.worker,
        compatibilityDate,
        compatibilityFlags,
        // A secret that nobody knows: on the direct socket no header about the client may be believed.
        bindings: { FRONT_SECRET: randomUUID(), ...manifest.vars, ...vars },
        durableObjects: Object.fromEntries(objects),
        r2Buckets: { ...Object.fromEntries(declared), ...buckets },
        serviceBindings: {
          [manifest.assets.binding]: "page",
          ORIGIN_NETWORK: originNetwork(),
          PUBLIC_NETWORK: publicNetwork(),
        },
        // Miniflare would copy all headers of each request to an origin; the Worker removes its own.
        stripCfConnectingIp: false,
        unsafeDirectSockets: [{ host, port, proxy: false }],
      },
      {
        // A Worker with assets cannot have a direct socket: a second one holds them.
        name: "page",
        modules: true,
        script: "export default { fetch: (request, env) => env.FILES.fetch(request) };",
        compatibilityDate,
        assets: { directory: manifest.assets.directory, binding: "FILES" },
      },
    ],
  });
}

async function stop(miniflare: Miniflare, processes: RuntimeProcesses): Promise<void> {
  // A dispose that hangs must not keep the port: workerd is then ended below all the same.
  await Promise.race([miniflare.dispose().catch(() => undefined), delay(5_000, undefined, { ref: false })]);
  processes.release();
}
