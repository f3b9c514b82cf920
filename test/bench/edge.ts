// `npm run bench:edge`: requests/s of a routed host, stats on and one dashboard open, against a two-line passthrough
// Worker on the same workerd build, in turn within the same run. Loopback only; ends by itself after about three minutes.

import { WebSocket } from "ws";
import { namedPort } from "../support/named-port.ts";
import { startProduct } from "../support/product.ts";
import { type Case, compareAll } from "./bare-comparison.ts";
import { passthroughScript, startByEachWay } from "./bare-worker.ts";
import { startScript } from "./children.ts";
import { machineLine } from "./figures.ts";
import { GENERATOR, type LoadResult, load } from "./http-load.ts";

const ROUNDS = 5;
const SECONDS = 3;
const CONNECTIONS = 32;

const originPort = await namedPort();
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
const edgePort = Number(new URL(product.edge).port);
const baselines = await startByEachWay((way) => passthroughScript(originPort, way));
const bearer = Buffer.from(product.adminToken).toString("base64url");
const dashboard = new WebSocket(`${product.edge.replace("http", "ws")}/api/stats/ws`, [
  "causeway.v1",
  `bearer.${bearer}`,
]);

try {
  process.stdout.write(
    `${machineLine()}\n${CONNECTIONS} connections by ${GENERATOR}, ${ROUNDS} rounds of ${SECONDS} s\n\n`,
  );
  const cases = [
    caseOf("1 KB, metered", "metered.localhost", "/bytes/1024", 0.65),
    caseOf("1 MB, metered", "metered.localhost", "/bytes/1048576", 0.6),
    caseOf("1 MB, meter = false", "untouched.localhost", "/bytes/1048576", 0.9),
  ];
  process.stdout.write(`\n${await compareAll(cases, ROUNDS)}\n`);
} finally {
  dashboard.close();
  await Promise.all([product.stop(), ...Object.values(baselines).map((each) => each.stop()), origin.stop()]);
}

function caseOf(name: string, host: string, path: string, least: number): Case {
  const measure = async (port: number) =>
    clean(await load({ port, host, path, connections: CONNECTIONS, seconds: SECONDS }));
  return {
    name,
    unit: "requests/s",
    aim: `>= ${least.toFixed(2)}`,
    meets: (ratio) => ratio >= least,
    product: () => measure(edgePort),
    bare: (way) => measure(baselines[way].port),
  };
}

function clean({ requestsPerS, errors }: LoadResult): number {
  if (errors > 0) throw new Error(`${errors} requests failed: the figures would not compare`);
  return requestsPerS;
}
