// How a key of causeway.toml is declared: with its default or as required, and one line of documentation. Pure.

import * as v from "valibot";

/** A documented key with a default: absent means `fallback`, written as it would stand in the file. */
export function optional<T extends v.GenericSchema>(schema: T, fallback: v.InferInput<T>, doc: string) {
  return v.pipe(v.optional(schema, fallback as never), v.metadata({ doc, fallback }));
}

/** A documented key that may be absent. */
export function absent<T extends v.GenericSchema>(schema: T, doc: string) {
  return v.pipe(v.optional(schema), v.metadata({ doc }));
}

/** A documented key that must be there. */
export function required<T extends v.GenericSchema>(schema: T, doc: string) {
  return v.pipe(schema, v.metadata({ doc, required: true }));
}

/** A documented list or table of tables, empty by default, of at most `max` entries. */
export function list<T extends v.GenericSchema>(item: T, max: number, doc: string) {
  const legal = `at most ${max} entries`;
  return v.pipe(
    v.optional(v.pipe(v.array(item, "a list"), v.maxLength(max, legal)), []),
    v.metadata({ doc, fallback: [], legal }),
  );
}
