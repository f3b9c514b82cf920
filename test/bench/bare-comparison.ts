// The product and bare Workers measured in turn, and the row of a table that comes of it.

import type { Way } from "./bare-worker.ts";
import { median, medianRatio, table } from "./figures.ts";

export interface Case {
  readonly name: string;
  readonly unit: string;
  readonly aim: string;
  readonly meets: (ratio: number) => boolean;
  readonly product: () => Promise<number>;
  /** The bare Worker by each way out: the aim speaks of "fetch". */
  readonly bare: (way: Way) => Promise<number>;
}

const HEADER = [
  "case",
  "unit",
  "causeway",
  "bare Worker",
  "ratio",
  "aim",
  "bare, own network",
  "ratio to that",
];

/** Measures the cases one after the other and tells of each round; the table of all of them. */
export async function compareAll(cases: readonly Case[], rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const entry of cases) rows.push(await compare(entry, rounds));
  return table(HEADER, rows);
}

async function compare({ name, unit, aim, meets, product, bare }: Case, rounds: number): Promise<string[]> {
  const figures: number[] = [];
  const plain: number[] = [];
  const direct: number[] = [];
  for (const warmUp of [product, () => bare("fetch"), () => bare("env.NETWORK.fetch")]) await warmUp();
  for (let round = 0; round < rounds; round++) {
    figures.push(await product());
    plain.push(await bare("fetch"));
    direct.push(await bare("env.NETWORK.fetch"));
    process.stderr.write(
      `${name}: round ${round + 1} of ${rounds}, ratio ${medianRatio(figures, plain).toFixed(2)}\n`,
    );
  }
  const ratio = medianRatio(figures, plain);
  const shown = meets(ratio) ? ratio.toFixed(2) : `**${ratio.toFixed(2)}**`;
  const [own, other, past] = [figures, plain, direct].map((values) => median(values).toFixed(0));
  return [
    name,
    unit,
    own ?? "",
    other ?? "",
    shown,
    aim,
    past ?? "",
    medianRatio(figures, direct).toFixed(2),
  ];
}
