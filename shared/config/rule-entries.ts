// How rules that span keys read the raw document: tables of lists with their paths, and names that may stand there once.
// Pure.

import { isTable } from "./inspect.ts";
import { type Problem, showValue } from "./problem.ts";

export type Table = Readonly<Record<string, unknown>>;

/** A table of a list, with its printed path. */
export interface Entry {
  readonly path: string;
  readonly table: Table;
}

/** The tables of the list at `key`; whatever else stands there is the schema's problem. */
export function entriesOf(table: Table, key: string, prefix = ""): Entry[] {
  const list = table[key];
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown, index) =>
    isTable(item) ? [{ path: `${prefix}${key}[${index}]`, table: item }] : [],
  );
}

/** The text at `key`; undefined for anything else. */
export function textOf(entry: Entry, key: string): string | undefined {
  const value = entry.table[key];
  return typeof value === "string" ? value : undefined;
}

/** A problem for each entry whose identity an earlier one has. */
export function duplicates(
  entries: readonly Entry[],
  key: string,
  identityOf: (entry: Entry) => string | undefined,
): Problem[] {
  const firstPaths = new Map<string, string>();
  return entries.flatMap((entry) => {
    const identity = identityOf(entry);
    if (identity === undefined) return [];
    const first = firstPaths.get(identity);
    if (first === undefined) {
      firstPaths.set(identity, entry.path);
      return [];
    }
    const legal = `something that ${first} does not have already`;
    return [{ path: `${entry.path}.${key}`, value: showValue(entry.table[key], undefined), legal }];
  });
}
