// The README's recipes are configurations that work as they stand, but for what only their reader has.

import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../shared/config/parse.ts";
import { formatProblem } from "../../shared/config/problem.ts";

const README = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** What a reader puts in, and what another recipe says. */
function completed(recipe: string): Record<string, unknown> {
  const text = recipe.replaceAll("scrypt:…", "env:PASSWORD").replaceAll("CLIENT_PUBLIC_KEY", "A".repeat(43));
  const relays = [{ name: "main", token: "env:TOKEN", url: "https://relay.example.com", key: "env:KEY" }];
  return { relays, ...parse(text) };
}

describe("the README", () => {
  const recipes = [...README.matchAll(/\*\*(.+?)\*\*[^*]*?```toml\n(.*?)```/gs)];

  it("has a recipe for each capability", () => {
    expect(recipes.length).toBeGreaterThanOrEqual(20);
  });

  it.each(recipes.map(([, title = "", recipe = ""]) => [title, recipe]))("is right: %s", (_title, recipe) => {
    const parsed = parseConfig(completed(recipe));
    expect(parsed.ok ? [] : parsed.problems.map(formatProblem)).toEqual([]);
  });
});
