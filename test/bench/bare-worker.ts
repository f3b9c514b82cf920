// Baselines of the edge's benchmarks: Workers of a few lines that do the least that the same job needs, on the same workerd
// build and on a direct socket, as the product is.

import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { originNetwork } from "../../relay/serve/networks.ts";
import { readManifest } from "../../relay/serve/project.ts";
import { watchRuntime } from "../../relay/serve/runtime-processes.ts";
import { namedPort } from "../support/named-port.ts";

/**
 * How a bare Worker fetches: as anybody would write it, which Miniflare leads through a Worker of its own, or past that, by a
 * binding of the network that the product is given when it is served locally.
 */
export type Way = "fetch" | "env.NETWORK.fetch";

export interface BareWorker {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Id of its workerd process. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** Serves one script on a port of its own. */
export async function startBareWorker(script: string): Promise<BareWorker> {
  const port = await namedPort();
  const processes = watchRuntime();
  const miniflare = processes.watch(
    () =>
      new Miniflare(
        convertV4MiniflareOptions({
          host: "127.0.0.1",
          port: 0,
          cf: false,
          telemetry: { enabled: false },
          logRequests: false,
          workers: [
            {
              name: "bare",
              modules: true,
              script,
              compatibilityDate: readManifest().compatibility_date,
              serviceBindings: { NETWORK: originNetwork() },
              stripCfConnectingIp: false,
              unsafeDirectSockets: [{ host: "127.0.0.1", port, proxy: false }],
            },
          ],
        }),
      ),
  );
  await miniflare.ready;
  return {
    port,
    pid: processes.pid ?? 0,
    async stop() {
      await miniflare.dispose();
      processes.release();
    },
  };
}

/** Serves a script once for each way out. */
export async function startByEachWay(script: (way: Way) => string): Promise<Record<Way, BareWorker>> {
  return {
    fetch: await startBareWorker(script("fetch")),
    "env.NETWORK.fetch": await startBareWorker(script("env.NETWORK.fetch")),
  };
}

/** Passes every request on, its body untouched. */
export function passthroughScript(originPort: number, way: Way): string {
  return `export default { fetch: (request, env) => {
    const { pathname, search } = new URL(request.url);
    return ${way}("http://127.0.0.1:${originPort}" + pathname + search, request);
  } };`;
}

/** Reads every body into one reused buffer of 256 KiB and writes it on: the least that counts bytes as they pass. */
export function byobLoopScript(originPort: number, way: Way): string {
  return `async function copy(source, target) {
    const reader = source.getReader({ mode: "byob" });
    const writer = target.getWriter();
    let buffer = new ArrayBuffer(256 * 1024);
    let bytes = 0;
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) return writer.close();
      bytes += value.byteLength;
      await writer.write(value);
      buffer = value.buffer;
    }
  }
  export default { async fetch(request, env, ctx) {
    const { pathname, search } = new URL(request.url);
    const reply = await ${way}("http://127.0.0.1:${originPort}" + pathname + search, request);
    const { readable, writable } = new FixedLengthStream(Number(reply.headers.get("content-length")));
    ctx.waitUntil(copy(reply.body, writable));
    return new Response(readable, reply);
  } };`;
}

/** Joins two WebSockets by a listener on each: the least that a pump in JavaScript does. */
export function socketPumpScript(originPort: number, way: Way): string {
  return `export default { async fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    const { webSocket: upstream } = await ${way}("http://127.0.0.1:${originPort}" + pathname + search, request);
    const [client, server] = Object.values(new WebSocketPair());
    for (const [from, to] of [[server, upstream], [upstream, server]]) {
      from.binaryType = "arraybuffer";
      from.accept();
      from.addEventListener("message", (event) => to.send(event.data));
      from.addEventListener("close", (event) => to.close(event.code === 1005 ? 1000 : event.code, event.reason));
    }
    return new Response(null, { status: 101, webSocket: client });
  } };`;
}
