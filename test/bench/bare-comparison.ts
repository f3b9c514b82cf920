// The product and bare Workers measured in turn, and the row of a table that comes of it.

import type { Way } from "./bare-worker.ts";
import { median, medianRatio, table } from "./figures.ts";

export interface Case {
  readonly name: string;
  readonly unit: string;
  readonly aim: string;
  readonly meets: (ratio: number) => boolean;
  readonly product: () => Promise<number>;
  /** The bare Worker by each way out. Like the product's is its own network: by that the aim is judged. */
  readonly bare: (way: Way) => Promise<number>;
}

const HEADER = ["case", "unit", "causeway", "bare Worker", "ratio", "aim", "bare, by fetch", "ratio to that"];

/** Measures the cases one after the other and tells of each round; the table of all of them. */
export async function compareAll(cases: readonly Case[], rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const entry of cases) rows.push(await compare(entry, rounds));
  return table(HEADER, rows);
}

async function compare({ name, unit, aim, meets, product, bare }: Case, rounds: number): Promise<string[]> {
  await product();
  await bare("env.NETWORK.fetch");
  await bare("fetch");
  const own: number[] = [];
  const alike: number[] = [];
  const byFetch: number[] = [];
  for (let round = 0; round < rounds; round++) {
    own.push(await product());
    alike.push(await bare("env.NETWORK.fetch"));
    byFetch.push(await bare("fetch"));
    process.stderr.write(
      `${name}: round ${round + 1} of ${rounds}, ratio ${medianRatio(own, alike).toFixed(2)}\n`,
    );
  }
  const ratio = medianRatio(own, alike);
  const judged = meets(ratio) ? ratio.toFixed(2) : `**${ratio.toFixed(2)}**`;
  const shown = (figures: readonly number[]) => median(figures).toFixed(0);
  const besides = [shown(byFetch), medianRatio(own, byFetch).toFixed(2)];
  return [name, unit, shown(own), shown(alike), judged, aim, ...besides];
}
