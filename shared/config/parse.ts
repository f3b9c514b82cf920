// Reads a raw document (from TOML or JSON) into a Config, or says everything that is wrong with it at once. Pure.

import * as v from "valibot";
import {
  type Field,
  fieldBelow,
  formatPath,
  isTable,
  legalOf,
  type Path,
  ROOT_FIELD,
  visit,
} from "./inspect.ts";
import { closestKey, type Problem, showValue } from "./problem.ts";
import { checkRules } from "./rules.ts";
import { type Config, ConfigSchema } from "./schema.ts";

export type { Problem } from "./problem.ts";

export type ParseResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: Problem[] };

/** Problems reported at once; a document can have no more distinct ones that anybody reads. */
const PROBLEMS_MAX = 1_000;

/** Validates a raw document. Never throws: whatever `raw` is, all its problems come back, sorted by path. */
export function parseConfig(raw: unknown): ParseResult {
  if (!isTable(raw)) {
    return { ok: false, problems: [{ path: "", value: showValue(raw, undefined), legal: "a table" }] };
  }
  const result = v.safeParse(ConfigSchema, raw);
  const problems = [
    ...(result.success ? [] : schemaProblems(raw, result.issues)),
    ...shapeProblems(raw),
    ...checkRules(raw),
  ];
  if (result.success && problems.length === 0) return { ok: true, config: result.output };
  return { ok: false, problems: firstPerPath(problems) };
}

/** A value that is wrong in several ways is reported once, by the first of them. */
function firstPerPath(problems: readonly Problem[]): Problem[] {
  const byPath = new Map<string, Problem>();
  for (const problem of problems) {
    if (!byPath.has(problem.path) && byPath.size < PROBLEMS_MAX) byPath.set(problem.path, problem);
  }
  return [...byPath.values()].sort((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }));
}

function schemaProblems(raw: unknown, issues: readonly v.BaseIssue<unknown>[], base: Path = []): Problem[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...pathOf(issue)];
    // Unknown keys are found by `shapeProblems`: valibot stops at the first one of a table.
    if (issue.type === "strict_object" && issue.expected === "never") return [];
    const deeper = issue.issues?.filter((below) => pathOf(below).length > 0);
    if (deeper !== undefined && deeper.length > 0) return schemaProblems(raw, deeper, path);
    const last = issue.path?.at(-1);
    if (last?.origin === "key" && issue.type !== "strict_object") {
      return [{ path: formatPath(path), value: showValue(last.key, undefined), legal: issue.message }];
    }
    const field = fieldAt(raw, path);
    const isMissing = issue.type === "strict_object" && issue.expected !== "Object";
    const value = isMissing ? undefined : issue.input;
    return [
      {
        path: formatPath(path),
        value: showValue(value, field?.secret),
        legal: (field && legalOf(field)) || issue.message,
      },
    ];
  });
}

function pathOf(issue: v.BaseIssue<unknown>): Path {
  return (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
}

function fieldAt(raw: unknown, path: Path): Field | undefined {
  let field: Field | undefined = ROOT_FIELD;
  let value = raw;
  for (const step of path) {
    field = field && fieldBelow(field, step, value);
    value = (value as Readonly<Record<string | number, unknown>> | undefined)?.[step];
  }
  return field;
}

/** Unknown keys, and lists where tables belong (valibot takes any object for a table). */
function shapeProblems(raw: unknown): Problem[] {
  const problems: Problem[] = [];
  visit(raw, (value, field, path, parent) => {
    if (field === undefined) {
      problems.push(unknownKey(value, path, parent));
    } else if ((field.shape === "table" || field.shape === "map") && value !== undefined && !isTable(value)) {
      problems.push({
        path: formatPath(path),
        value: showValue(value, field.secret ?? field.item?.secret),
        legal: "a table",
      });
    }
  });
  return problems;
}

/** The value of a mistyped key is shown only when the key it resembles holds no secret. */
function unknownKey(value: unknown, path: Path, parent: Field): Problem {
  const key = String(path.at(-1));
  const closest = closestKey(key, parent.entries.keys());
  const meant = closest === undefined ? undefined : parent.entries.get(closest);
  const legal =
    closest === undefined
      ? `one of the keys ${[...parent.entries.keys()].join(", ")}`
      : `a known key: did you mean "${closest}"?`;
  return {
    path: formatPath(path),
    value: showValue(value, meant === undefined ? "local" : meant.secret),
    legal,
  };
}
