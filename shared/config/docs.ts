// docs/CONFIG.md, rendered from the schema: what is not in the schema is not in the page. Pure.

import { MASK } from "./fields.ts";
import { type Field, legalOf, ROOT_FIELD } from "./inspect.ts";

const INTRO = `# Configuration

One file, \`causeway.toml\` ([TOML](https://toml.io)), is read by the relay and pushed to the edge with \`causeway push\`.
\`causeway check\` reads it and reports every problem at once. This page is generated from the schema by \`npm run docs\`.

- **Keys** that are not listed here are refused. A key without a default and not marked *required* may be absent.
- **Durations** are a number and a unit: \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`, as in \`"10s"\` or \`"1.5h"\`.
- **Sizes** are a number and a unit: \`B\`, \`kB\`, \`MB\`, \`GB\`, \`TB\` (powers of 1000) or \`KiB\`, \`MiB\`, \`GiB\`, \`TiB\` (powers
  of 1024), as in \`"64MiB"\`.
- **Secrets** (marked *secret*) are best written as \`"env:NAME"\`: \`causeway push\`, or the relay for its own part, reads the
  environment variable NAME. At the edge tokens are kept as SHA-256 verifiers and other secrets sealed under the root key.
  Everywhere a configuration is shown, secrets are \`${MASK}\`.
- **A push** takes effect within 5 seconds, in every data centre, without a deploy and without dropping connections. The
  edge keeps the last 20 versions. The table \`[relay]\` is never sent; the relay reads it when it starts.
`;

/** The page docs/CONFIG.md. */
export function renderConfigDocs(): string {
  return `${[INTRO, ...sections(ROOT_FIELD, "")].join("\n")}`;
}

/** One section per table below `field`, parents first. */
function sections(field: Field, path: string): string[] {
  return [...field.entries].flatMap(([key, entry]) => {
    const table = tableOf(entry);
    if (table === undefined) return [];
    const name = path === "" ? key : `${path}.${key}`;
    return [section(name, entry, table), ...sections(table, name)];
  });
}

/** The table that an entry is, may be, or is a list of. */
function tableOf(entry: Field): Field | undefined {
  const inner = entry.shape === "list" ? entry.item : entry;
  return inner !== undefined && inner.entries.size > 0 ? inner : undefined;
}

function section(name: string, entry: Field, table: Field): string {
  const isList = entry.shape === "list";
  const title = isList ? `[[${name}]]` : `[${name}]`;
  const count = isList ? ` There may be ${escapeText(entry.legal)}.` : "";
  const form = table.shape === "value_or_table" ? " Each is a plain value or a table of:" : "";
  return `## \`${title}\`\n\n${escapeText(entry.doc)}${count}${form}\n\n${keyTables(table)}`;
}

/** One table of keys, or one for each kind. */
function keyTables(table: Field): string {
  if (table.kinds === undefined) return keyTable(table);
  const { key, byValue } = table.kinds;
  const parts = [...byValue].map(([value, kind]) => {
    const doc = kind.entries.get(key)?.doc ?? "";
    const keys = new Map([...kind.entries].filter(([name]) => name !== key));
    return `### \`${key} = ${JSON.stringify(value)}\`\n\n${escapeText(doc)}\n\n${keyTable({ ...kind, entries: keys })}`;
  });
  return `Which keys there are depends on \`${key}\` (*required*).\n\n${parts.join("\n")}`;
}

/** The keys of a table, without those that are tables and so have a section of their own. */
function keyTable(table: Field): string {
  const rows = [...table.entries].flatMap(([key, entry]) => {
    const below = tableOf(entry);
    return below === undefined || below.shape === "value_or_table" ? [row(key, entry)] : [];
  });
  return ["| key | legal | default | meaning |", "| --- | --- | --- | --- |", ...rows, ""].join("\n");
}

function row(key: string, entry: Field): string {
  return `| \`${key}\` | ${legalText(entry)} | ${defaultText(entry)} | ${escapeText(entry.doc)} |`;
}

function legalText(entry: Field): string {
  const legal = escapeText(legalOf(entry));
  if (entry.item === undefined) return legal + secretMark(entry);
  return `${legal}, each ${escapeText(entry.item.legal)}${secretMark(entry.item)}`;
}

function secretMark(entry: Field): string {
  return entry.secret === undefined ? "" : " (*secret*)";
}

function defaultText(entry: Field): string {
  if (entry.required) return "*required*";
  return entry.fallback === undefined ? "" : `\`${JSON.stringify(entry.fallback)}\``;
}

/** Characters that Markdown would take for its own. */
function escapeText(text: string): string {
  return text.replace(/[|*_<]/g, "\\$&");
}
