// Runs the public HTTP cache suite against a cached host of the whole product, and compares the outcome with the list of
// tests that are known to fail: `npm run conformance:http-cache [-- TEST-ID]`. Exits 1 when fewer required tests pass than
// the list's floor, or when one fails that the list does not explain.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startProduct } from "../../support/product.ts";
import { type Outcome, runSuite, type SuiteTest, startOrigin } from "./suite.ts";

const HOST = "cached.test";

/** What is recorded of the last run that was looked at. */
interface Expected {
  /** Required tests that pass at least. */
  readonly floor: number;
  /** Required tests that fail, each with the reason. */
  readonly failing: Readonly<Record<string, string>>;
}

/** As the suite counts: a test passes only if those it depends on do. */
function passes({ tests, results }: Outcome, id: string): boolean {
  const needed = tests.get(id)?.depends_on ?? [];
  return results[id] === true && needed.every((other) => passes({ tests, results }, other));
}

function kindOf(test: SuiteTest): string {
  return test.kind ?? "required";
}

function why({ tests, results }: Outcome, id: string): string {
  const result = results[id];
  if (result === undefined) return "was not run";
  if (result !== true) return `${result[0]}: ${result[1]}`;
  const needed = tests.get(id)?.depends_on?.filter((other) => !passes({ tests, results }, other));
  return `depends on ${needed?.join(", ")}`;
}

/** Prints the outcome; false when it is not as recorded. */
function report(outcome: Outcome, { floor, failing }: Expected): boolean {
  const ran = [...outcome.tests.values()].filter(({ browser_only }) => !browser_only);
  for (const kind of ["required", "optimal", "check"]) {
    const ofKind = ran.filter((test) => kindOf(test) === kind);
    const passed = ofKind.filter(({ id }) => passes(outcome, id));
    console.log(`${kind}: ${passed.length} of ${ofKind.length} ${kind === "check" ? "say yes" : "pass"}`);
    if (kind === "check") continue;
    for (const { id } of ofKind.filter((test) => !passed.includes(test)))
      console.log(`  ${id}: ${why(outcome, id)}${failing[id] ? `\n      ${failing[id]}` : ""}`);
  }
  const required = ran.filter((test) => kindOf(test) === "required");
  const passed = required.filter(({ id }) => passes(outcome, id)).map(({ id }) => id);
  const unexplained = required.map(({ id }) => id).filter((id) => !passed.includes(id) && !failing[id]);
  const outdated = Object.keys(failing).filter((id) => passed.includes(id));
  if (unexplained.length > 0) console.log(`\nFail without a recorded reason: ${unexplained.join(", ")}`);
  if (outdated.length > 0) console.log(`\nPass although recorded as failing: ${outdated.join(", ")}`);
  console.log(`\n${passed.length} of ${required.length} required tests pass; at least ${floor} must.`);
  return passed.length >= floor && unexplained.length === 0;
}

const only = process.argv[2];
const expected = JSON.parse(await readFile(join(import.meta.dirname, "expected.json"), "utf8")) as Expected;
const origin = await startOrigin();
const product = await startProduct({
  config: { hosts: [{ host: HOST, upstreams: [origin.url], cache: true, retries: 0 }], relay: undefined },
});
try {
  const outcome = await runSuite(HOST, Number(new URL(product.edge).port), only);
  if (only !== undefined) console.log(`${only}: ${passes(outcome, only) ? "passes" : why(outcome, only)}`);
  else if (!report(outcome, expected)) process.exitCode = 1;
} finally {
  await product.stop();
  await origin.stop();
}
