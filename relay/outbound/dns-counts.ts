// How names were resolved in this process: counted in memory that all its threads share, because each has a cache of its own.

import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";

const NAMES = ["hits", "answered", "unknown", "failed"] as const;
type DnsCount = (typeof NAMES)[number];

/** What the main thread leaves for those that it starts. */
const KEY = "causeway.dns-counts";

const cells = new BigInt64Array(sharedBuffer());

function sharedBuffer(): SharedArrayBuffer {
  const given = getEnvironmentData(KEY);
  if (given instanceof SharedArrayBuffer) return given;
  const buffer = new SharedArrayBuffer(NAMES.length * BigInt64Array.BYTES_PER_ELEMENT);
  setEnvironmentData(KEY, buffer);
  return buffer;
}

export function countDns(name: DnsCount): void {
  Atomics.add(cells, NAMES.indexOf(name), 1n);
}

/** Since the start of the process. */
export function dnsCounts(): Record<DnsCount, number> {
  const [hits, answered, unknown, failed] = NAMES.map((_, index) => Number(Atomics.load(cells, index)));
  return { hits: hits ?? 0, answered: answered ?? 0, unknown: unknown ?? 0, failed: failed ?? 0 };
}
