// `npm run bench:edge`: requests/s of a routed host, stats on and one dashboard open, against a two-line passthrough
// Worker on the same workerd build, in turn within the same run. Loopback only; ends by itself after about two minutes.

import { WebSocket } from "ws";
import { claimPort } from "../../relay/serve/listen.ts";
import { startProduct } from "../support/product.ts";
import { passthroughScript, startBareWorker } from "./bare-worker.ts";
import { startScript } from "./children.ts";
import { machineLine, median, medianRatio, table } from "./figures.ts";
import { GENERATOR, type LoadResult, load } from "./http-load.ts";

const ROUNDS = 5;
const SECONDS = 3;
const CONNECTIONS = 32;

const CASES = [
  { name: "1 KB, metered", host: "metered.localhost", path: "/bytes/1024", target: 0.65 },
  { name: "1 MB, metered", host: "metered.localhost", path: "/bytes/1048576", target: 0.6 },
  { name: "1 MB, meter = false", host: "untouched.localhost", path: "/bytes/1048576", target: 0.9 },
] as const;

const originPort = await claimPort({ host: "127.0.0.1", port: 0, setting: "port" });
const baselinePort = await claimPort({ host: "127.0.0.1", port: 0, setting: "port" });
const origin = await startScript("http-origin.ts", originPort);
const upstreams = [`http://127.0.0.1:${originPort}`];
const product = await startProduct({
  config: {
    hosts: [
      { host: "metered.localhost", upstreams },
      { host: "untouched.localhost", upstreams, meter: false },
    ],
  },
});
const baseline = await startBareWorker(passthroughScript(originPort), baselinePort);
const bearer = Buffer.from(product.adminToken).toString("base64url");
const dashboard = new WebSocket(`${product.edge.replace("http", "ws")}/api/stats/ws`, [
  "causeway.v1",
  `bearer.${bearer}`,
]);

try {
  process.stdout.write(
    `${machineLine()}\n${CONNECTIONS} connections by ${GENERATOR}, ${ROUNDS} rounds of ${SECONDS} s\n\n`,
  );
  const rows: string[][] = [];
  for (const { name, host, path, target } of CASES) rows.push(await compare(name, host, path, target));
  process.stdout.write(`\n${table(["case", "causeway req/s", "passthrough req/s", "ratio", "aim"], rows)}\n`);
} finally {
  dashboard.close();
  await Promise.all([product.stop(), baseline.stop(), origin.stop()]);
}

async function compare(name: string, host: string, path: string, target: number): Promise<string[]> {
  const edgePort = Number(new URL(product.edge).port);
  const figures: number[] = [];
  const references: number[] = [];
  const measure = async (port: number) =>
    clean(await load({ port, host, path, connections: CONNECTIONS, seconds: SECONDS }));
  await measure(edgePort);
  await measure(baselinePort);
  for (let round = 0; round < ROUNDS; round++) {
    figures.push(await measure(edgePort));
    references.push(await measure(baselinePort));
    process.stderr.write(
      `${name}: round ${round + 1} of ${ROUNDS}, ratio ${medianRatio(figures, references).toFixed(2)}\n`,
    );
  }
  const ratio = medianRatio(figures, references);
  return [
    name,
    median(figures).toFixed(0),
    median(references).toFixed(0),
    ratio.toFixed(2),
    `>= ${target.toFixed(2)}`,
  ];
}

function clean({ requestsPerS, errors }: LoadResult): number {
  if (errors > 0) throw new Error(`${errors} requests failed: the figures would not compare`);
  return requestsPerS;
}
