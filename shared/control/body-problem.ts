// What is wrong with the body of an order, in one sentence for people. Pure.

import * as v from "valibot";

/** About the first problem: which key, and what it must be. Values are not repeated. */
export function bodyProblem(issues: readonly v.BaseIssue<unknown>[]): string {
  const [issue] = issues;
  if (issue === undefined) return "Cannot read the request body";
  const path = v.getDotPath(issue as v.BaseIssue<unknown>);
  return `Cannot read the request body: ${path === null ? `it must be ${wanted(issue)}` : `${path} ${verdict(issue)}`}`;
}

/** An unknown key is one that is expected never to be there, a missing one expected by its quoted name. */
function verdict(issue: v.BaseIssue<unknown>): string {
  if (issue.type === "strict_object" && issue.expected === "never") return "is no known key";
  if (issue.received === "undefined") return "is missing";
  return `must be ${wanted(issue)}`;
}

function wanted({ expected, message }: v.BaseIssue<unknown>): string {
  return expected === "Object" ? "an object" : (expected ?? message);
}
