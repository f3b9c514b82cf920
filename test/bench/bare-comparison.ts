// The product and bare Workers measured in turn, and the row of a table that comes of it.

import type { Way } from "./bare-worker.ts";
import { median, medianRatio, table } from "./figures.ts";

export interface Case {
  readonly name: string;
  readonly unit: string;
  readonly aim: string;
  readonly meets: (ratio: number) => boolean;
  readonly product: () => Promise<number>;
  /** The bare Worker by each way out: as anybody would write it, and like the product's. */
  readonly bare: (way: Way) => Promise<number>;
}

const HEADER = [
  "case",
  "unit",
  "causeway",
  "bare, by fetch",
  "ratio",
  "aim",
  "bare, same network",
  "ratio to that",
];

/** Measures the cases one after the other and tells of each round; the table of all of them, with what misses its aim marked. */
export async function compareAll(cases: readonly Case[], rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const entry of cases) rows.push(await compare(entry, rounds));
  return table(HEADER, rows);
}

async function compare({ name, unit, aim, meets, product, bare }: Case, rounds: number): Promise<string[]> {
  await product();
  await bare("fetch");
  await bare("env.NETWORK.fetch");
  const own: number[] = [];
  const byFetch: number[] = [];
  const alike: number[] = [];
  for (let round = 0; round < rounds; round++) {
    own.push(await product());
    byFetch.push(await bare("fetch"));
    alike.push(await bare("env.NETWORK.fetch"));
    process.stderr.write(
      `${name}: round ${round + 1} of ${rounds}, ratio ${medianRatio(own, byFetch).toFixed(2)}\n`,
    );
  }
  const shown = (figures: readonly number[]) => median(figures).toFixed(0);
  const judged = (base: readonly number[]) => {
    const ratio = medianRatio(own, base);
    return meets(ratio) ? ratio.toFixed(2) : `**${ratio.toFixed(2)}**`;
  };
  return [name, unit, shown(own), shown(byFetch), judged(byFetch), aim, shown(alike), judged(alike)];
}
