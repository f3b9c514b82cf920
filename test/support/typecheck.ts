// Typechecks every project, shared/ under Workers and Node types alike; prints what the compiler says and fails with it.

import { spawnSync } from "node:child_process";

const PROJECTS = ["worker", "worker/dashboard", "relay", "test", "test/worker"];

const failed = PROJECTS.filter((project) => {
  const { status } = spawnSync("tsc", ["-p", project], {
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  return status !== 0;
});
console.log(failed.length === 0 ? `${PROJECTS.length} projects typecheck` : `Failed: ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;
