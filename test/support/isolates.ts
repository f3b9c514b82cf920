// Several isolates of one edge in one data centre: the built Worker more than once in one workerd, each with memory of its
// own and a socket of its own, before the same objects and the same Cache API.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { ROOT } from "../../relay/root.ts";
import { buildEdgeIfStale } from "../../relay/serve/build.ts";
import { untilReady } from "../../relay/serve/control-api.ts";
import { pushLocally } from "../../relay/serve/local.ts";
import { BUILT, readManifest } from "../../relay/serve/project.ts";
import { localSecrets } from "../../relay/serve/secrets.ts";
import { namedPort } from "./named-port.ts";

const HOST = "127.0.0.1";

export interface Isolates {
  /** Base URL of each isolate, without a final slash. */
  readonly edges: readonly string[];
  stop(): Promise<void>;
}

/** Starts `count` isolates with the configuration `raw`. */
export async function startIsolates(
  count: number,
  raw: Readonly<Record<string, unknown>>,
): Promise<Isolates> {
  await buildEdgeIfStale();
  const stateDir = await mkdtemp(join(tmpdir(), "causeway-isolates-"));
  const secrets = await localSecrets(stateDir, ["ADMIN_TOKEN", "ROOT_KEY", "FRONT_SECRET"]);
  const ports: number[] = [];
  for (let n = 0; n < count; n++) ports.push(await namedPort());
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      rootPath: ROOT,
      host: HOST,
      port: 0,
      cf: false,
      telemetry: { enabled: false },
      log: new Log(LogLevel.NONE),
      logRequests: false,
      resourcePersistencePath: join(stateDir, "edge"),
      workers: [...ports.map((port, index) => isolate(index, port, secrets)), PAGE],
    }),
  );
  const edges = ports.map((port) => `http://${HOST}:${port}`);
  const stop = async () => {
    await miniflare.dispose();
    await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await miniflare.ready;
    const { ADMIN_TOKEN = "", ROOT_KEY } = secrets;
    const edge = edges[0] ?? "";
    await pushLocally(raw, { edge, adminToken: ADMIN_TOKEN, rootKey: ROOT_KEY, env: process.env });
    for (const each of edges) await untilReady(each);
  } catch (error) {
    await stop();
    throw error;
  }
  return { edges, stop };
}

const PAGE = {
  name: "page",
  modules: true,
  script: "export default { fetch: () => new Response() };",
  compatibilityDate: "2026-11-01",
} as const;

/** The first one runs the objects. */
function isolate(index: number, port: number, secrets: Readonly<Record<string, string>>) {
  const manifest = readManifest();
  const objects = manifest.durable_objects.bindings.map(({ name, class_name }) => [
    name,
    { className: class_name, useSQLite: true, ...(index > 0 ? { scriptName: "edge0" } : {}) },
  ]);
  return {
    name: `edge${index}`,
    modules: true,
    modulesRoot: join(ROOT, "dist/edge"),
    scriptPath: BUILT.worker,
    compatibilityDate: manifest.compatibility_date,
    compatibilityFlags: manifest.compatibility_flags,
    bindings: { ...manifest.vars, ...secrets },
    durableObjects: Object.fromEntries(objects),
    serviceBindings: { [manifest.assets.binding]: "page" },
    stripCfConnectingIp: false,
    unsafeDirectSockets: [{ host: HOST, port, proxy: false }],
  };
}
