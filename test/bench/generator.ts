// A load generator for machines without wrk: keeps `connections` requests under way for `seconds`, then prints JSON.

import { Agent, get } from "node:http";
import type { Load, LoadResult } from "./http-load.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as Load;
const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
const startedAt = performance.now();
const endsAt = startedAt + options.seconds * 1_000;
let requests = 0;
let errors = 0;

function one(): Promise<void> {
  return new Promise((resolve) => {
    const { port, host, path } = options;
    const outgoing = get({ agent, host: "127.0.0.1", port, path, headers: { host } }, (reply) => {
      if (reply.statusCode !== 200) errors++;
      reply.on("data", () => undefined);
      reply.on("end", () => resolve());
      reply.on("error", () => {
        errors++;
        resolve();
      });
    });
    outgoing.on("error", () => {
      errors++;
      resolve();
    });
  });
}

async function lane(): Promise<void> {
  while (performance.now() < endsAt) {
    await one();
    requests++;
  }
}

await Promise.all(Array.from({ length: options.connections }, lane));
const result: LoadResult = { requestsPerS: (requests * 1_000) / (performance.now() - startedAt), errors };
process.stdout.write(JSON.stringify(result));
process.exit(0);
