// Typechecks every project, shared/ under Workers and Node types alike; prints what the compiler says and fails with it.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Run by this very Node: one that stands first in some PATH may be older. */
const TSC = fileURLToPath(new URL("./bin/tsc", import.meta.resolve("typescript/package.json")));
const PROJECTS = ["worker", "worker/dashboard", "relay", "test", "test/worker"];

const failed = PROJECTS.filter((project) => {
  const { status } = spawnSync(process.execPath, [TSC, "-p", project], { stdio: "inherit" });
  return status !== 0;
});
console.log(failed.length === 0 ? `${PROJECTS.length} projects typecheck` : `Failed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
