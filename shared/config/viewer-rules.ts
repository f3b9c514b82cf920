// Rules of subscribers that span several keys. Pure.

import { MASK } from "./fields.ts";
import type { Problem } from "./problem.ts";
import { duplicates, entriesOf, type Table, textOf } from "./rule-entries.ts";

/** Two viewers of one secret could not be told apart. */
export function checkViewers(raw: Table): Problem[] {
  const viewers = entriesOf(raw, "viewers");
  return [
    ...duplicates(viewers, "name", (entry) => textOf(entry, "name")),
    ...duplicates(viewers, "token", (entry) => textOf(entry, "token")).map((problem) => ({
      ...problem,
      value: MASK,
    })),
  ];
}
