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
  /** Keys of a table. */
  readonly entries: ReadonlyMap<string, Field>;
  /** What a list or map holds. */
  readonly item: Field | undefined;
  /** Whether a value by itself is legal here. */
  accepts(value: unknown): boolean;
}

export type Path = readonly (string | number)[];

/** The parts of valibot's schemas that are read here. */
interface Shape {
  readonly type: string;
  readonly wrapped?: v.GenericSchema;
  readonly item?: v.GenericSchema;
  readonly value?: v.GenericSchema;
  readonly entries?: Readonly<Record<string, v.GenericSchema>>;
  readonly options?: readonly v.GenericSchema[];
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
  if (shape.options !== undefined && shape.type === "union") return eitherField(shape.options.map(fieldOf));
  if (shape.item !== undefined) return { ...plainField("list", "a list"), item: fieldOf(shape.item) };
  if (shape.type === "record" && shape.value !== undefined) {
    return { ...plainField("map", "a table"), item: fieldOf(shape.value) };
  }
  return plainField("value", "");
}

function eitherField(options: readonly Field[]): Field {
  const table = options.find(({ shape }) => shape === "table");
  const value = options.find(({ shape }) => shape === "value");
  const legal = options.map((option) => option.legal).join(", or ");
  return {
    ...plainField("value_or_table", legal),
    entries: table?.entries ?? NO_ENTRIES,
    secret: value?.secret,
  };
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

/** The field of the key or element `step` below `field`, or undefined where the schema has none. */
export function fieldBelow(field: Field, step: string | number): Field | undefined {
  if (field.shape === "list") return typeof step === "number" ? field.item : undefined;
  if (field.shape === "map") return field.item;
  return field.entries.get(String(step));
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
    const below = fieldBelow(field, step);
    const at = [...path, step];
    visitor(value, below, at, field);
    if (below !== undefined) visit(value, visitor, below, at);
  }
}
