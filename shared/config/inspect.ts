// What the schema says about each key, without validating: legal ranges for messages and documentation, and which values
// are secrets. The only file that knows how valibot arranges a schema. Pure.

import * as v from "valibot";
import type { SecretKind } from "./fields.ts";
import { ConfigSchema } from "./schema.ts";

/** A key of causeway.toml, or an element of a list or map. */
export interface Field {
  /** `value_or_table`: a plain value, or a table with `entries`. */
  readonly shape: "value" | "table" | "value_or_table" | "list" | "map";
  /** The legal range in words. */
  readonly legal: string;
  readonly doc: string;
  readonly required: boolean;
  /** The default as it would stand in the file; undefined: none. */
  readonly fallback: unknown;
  readonly secret: SecretKind | undefined;
  /** Keys of a table; of one that comes in kinds, the keys of all kinds. */
  readonly entries: ReadonlyMap<string, Field>;
  /** The kinds of a table, when one of its keys decides which others are legal. */
  readonly kinds: Kinds | undefined;
  /** What a list or map holds. */
  readonly item: Field | undefined;
  /** Whether a value by itself is legal here. */
  accepts(value: unknown): boolean;
}

/** A table whose keys depend on the value of one of them. */
export interface Kinds {
  /** The key that decides. */
  readonly key: string;
  readonly byValue: ReadonlyMap<string, Field>;
}

export type Path = readonly (string | number)[];

/** The parts of valibot's schemas that are read here. */
interface Shape {
  readonly type: string;
  readonly wrapped?: v.GenericSchema;
  readonly item?: v.GenericSchema;
  readonly value?: v.GenericSchema;
  readonly entries?: Readonly<Record<string, v.GenericSchema>>;
  /** Of a union and of a variant. */
  readonly options?: readonly v.GenericSchema[] | readonly string[];
  /** Of a variant: the key that decides. */
  readonly key?: string;
}

interface Notes {
  readonly legal?: string;
  readonly doc?: string;
  readonly required?: boolean;
  readonly fallback?: unknown;
  readonly secret?: SecretKind;
}

const NO_ENTRIES: ReadonlyMap<string, Field> = new Map();

function fieldOf(schema: v.GenericSchema): Field {
  const shape = schema as unknown as Shape;
  const notes = v.getMetadata(schema) as Notes;
  const inner = innerField(shape);
  return {
    ...inner,
    legal: notes.legal ?? inner.legal,
    doc: notes.doc ?? inner.doc,
    required: notes.required ?? inner.required,
    fallback: notes.fallback ?? inner.fallback,
    secret: notes.secret ?? inner.secret,
    accepts: (value) => v.is(schema, value),
  };
}

function innerField(shape: Shape): Field {
  if (shape.wrapped !== undefined) return { ...fieldOf(shape.wrapped), doc: "", required: false };
  if (shape.entries !== undefined) {
    const entries = new Map(Object.entries(shape.entries).map(([key, schema]) => [key, fieldOf(schema)]));
    return { ...plainField("table", "a table"), entries };
  }
  if (shape.type === "union") return eitherField(optionsOf(shape));
  if (shape.type === "variant" && shape.key !== undefined)
    return kindsField(shape.key, shape.options as Schemas);
  if (shape.item !== undefined) return { ...plainField("list", "a list"), item: fieldOf(shape.item) };
  if (shape.type === "record" && shape.value !== undefined) {
    return { ...plainField("map", "a table"), item: fieldOf(shape.value) };
  }
  return plainField("value", "");
}

type Schemas = readonly v.GenericSchema[];

function optionsOf({ options }: Shape): readonly Field[] {
  return (options as Schemas).map(fieldOf);
}

/** Plain values or tables: which tables, only the whole shows, so the keys of all are known. */
function eitherField(options: readonly Field[]): Field {
  const tables = options.filter(({ shape }) => shape === "table");
  const value = options.find(({ shape }) => shape === "value");
  const legal = [...new Set(options.map((option) => option.legal))].join(", or ");
  const entries = mergedEntries(tables);
  if (tables.length === options.length) return { ...plainField("table", legal), entries };
  return {
    ...plainField(tables.length === 0 ? "value" : "value_or_table", legal),
    entries,
    secret: value?.secret,
  };
}

function kindsField(key: string, options: Schemas): Field {
  const byValue = new Map<string, Field>();
  for (const option of options) {
    const field = fieldOf(option);
    for (const value of literalsOf((option as unknown as Shape).entries?.[key])) byValue.set(value, field);
  }
  const tables = [...byValue.values()];
  const entries = new Map(mergedEntries(tables));
  const deciding = entries.get(key);
  if (deciding !== undefined) {
    const legal = `one of ${[...byValue.keys()].map((value) => JSON.stringify(value)).join(", ")}`;
    const doc = tables.map((table) => table.entries.get(key)?.doc ?? "").join(" ");
    entries.set(key, { ...deciding, legal, doc, accepts: (value) => byValue.has(value as string) });
  }
  return { ...plainField("table", "a table"), entries, kinds: { key, byValue } };
}

/** The values that a key of one kind takes. */
function literalsOf(schema: v.GenericSchema | undefined): readonly string[] {
  return ((schema as unknown as Shape | undefined)?.options ?? []) as readonly string[];
}

/** The keys of all tables. What one of them calls a secret is one wherever it is not clear which table it is. */
function mergedEntries(tables: readonly Field[]): ReadonlyMap<string, Field> {
  const merged = new Map<string, Field>();
  for (const { entries } of tables) {
    for (const [key, field] of entries) {
      const known = merged.get(key);
      if (known === undefined) merged.set(key, field);
      else if (known.shape === "table" && field.shape === "table")
        merged.set(key, { ...known, entries: mergedEntries([known, field]) });
      else if (known.secret === undefined && field.secret !== undefined)
        merged.set(key, { ...known, secret: field.secret });
    }
  }
  return merged;
}

const CONTAINERS: Partial<Record<Field["shape"], string>> = { list: "a list", map: "a table" };

/** The legal range of a field's value in words; of lists and maps with what they are. */
export function legalOf({ shape, legal }: Field): string {
  const container = CONTAINERS[shape];
  return container === undefined || legal.startsWith(container) ? legal : `${container} of ${legal}`;
}

function plainField(shape: Field["shape"], legal: string): Field {
  return {
    shape,
    legal,
    doc: "",
    required: false,
    fallback: undefined,
    secret: undefined,
    entries: NO_ENTRIES,
    kinds: undefined,
    item: undefined,
    accepts: () => false,
  };
}

/** The whole file as a field. */
export const ROOT_FIELD: Field = fieldOf(ConfigSchema);

/** Whether `value` is what TOML and JSON call a table. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/**
 * The field of the key or element `step` below `field`, or undefined where the schema has none. `raw` is the value at
 * `field`: it shows which kind of table it is; a table of no known kind may have the keys of every kind.
 */
export function fieldBelow(field: Field, step: string | number, raw: unknown): Field | undefined {
  if (field.shape === "list") return typeof step === "number" ? field.item : undefined;
  if (field.shape === "map") return field.item;
  return kindOf(field, raw).entries.get(String(step));
}

/** The field that says which keys the table `raw` may have: that of its kind, where there are kinds. */
export function kindOf(field: Field, raw: unknown): Field {
  if (field.kinds === undefined || !isTable(raw)) return field;
  const kind = raw[field.kinds.key];
  return (typeof kind === "string" ? field.kinds.byValue.get(kind) : undefined) ?? field;
}

/** A path as it is printed: `hosts[0].max_body`, `channels[2].headers."X Y"`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    const key = /^[A-Za-z0-9_-]{1,100}$/.test(step) ? step : JSON.stringify(step.slice(0, 100));
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

/** Sees one value of a raw document. `field` is undefined for a key that the schema does not know. */
export type Visitor = (value: unknown, field: Field | undefined, path: Path, parent: Field) => void;

/** Visits every value of a raw document that the schema leads to, and each unknown key, parents first. */
export function visit(raw: unknown, visitor: Visitor, field: Field = ROOT_FIELD, path: Path = []): void {
  if (field.shape === "list" ? !Array.isArray(raw) : field.shape === "value" || !isTable(raw)) return;
  const steps = Array.isArray(raw) ? raw.entries() : Object.entries(raw as Record<string, unknown>);
  for (const [step, value] of steps) {
    const below = fieldBelow(field, step, raw);
    const at = [...path, step];
    visitor(value, below, at, kindOf(field, raw));
    if (below !== undefined) visit(value, visitor, below, at);
  }
}
