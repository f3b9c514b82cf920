import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { renderConfigDocs } from "../../../shared/config/docs.ts";
import { type Field, ROOT_FIELD } from "../../../shared/config/inspect.ts";

function allKeys(field: Field): [string, Field][] {
  const below = field.item === undefined ? [] : allKeys(field.item);
  const kinds = [...(field.kinds?.byValue.values() ?? [])];
  return [
    ...below,
    ...kinds.flatMap(allKeys),
    ...[...field.entries].flatMap(([key, entry]) => [[key, entry] as [string, Field], ...allKeys(entry)]),
  ];
}

describe("renderConfigDocs", () => {
  it("is what docs/CONFIG.md holds: run `npm run docs` after a change of the schema", () => {
    const page = readFileSync(new URL("../../../docs/CONFIG.md", import.meta.url), "utf8");
    expect(page.trimEnd()).toBe(renderConfigDocs().trimEnd());
  });

  it("has a row or a section for every key of the schema", () => {
    const page = renderConfigDocs();
    const missing = allKeys(ROOT_FIELD).filter(
      ([key]) => !new RegExp(`\`(\\[*[a-z_.]*)?${key}\\]*\``).test(page),
    );
    expect(missing.map(([key]) => key)).toEqual([]);
  });
});

describe("the schema", () => {
  it("documents every key and says what is legal", () => {
    for (const [key, field] of allKeys(ROOT_FIELD)) {
      expect(field.doc, key).toMatch(/\.$/);
      expect(field.legal, key).not.toBe("");
    }
  });

  it("has only defaults that it accepts itself", () => {
    for (const [key, field] of allKeys(ROOT_FIELD)) {
      if (field.fallback !== undefined) expect(field.accepts(field.fallback), key).toBe(true);
    }
  });
});
