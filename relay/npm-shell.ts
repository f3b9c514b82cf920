// Under npm a command is the child of a shell. A SIGTERM that npm gets ends that shell, which passes nothing on: without this
// the command would run on with its ports, and nobody's child. No event tells of it, so the parent is looked at now and then.

import { CLI_LIMITS } from "../shared/limits.ts";

/** Calls `stop` once the shell that npm started is gone; does nothing where npm started none. Keeps no process alive. */
export function stopWithNpmShell(env: NodeJS.ProcessEnv, stop: () => void): void {
  if (env.npm_lifecycle_event === undefined || process.platform === "win32") return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, CLI_LIMITS.PARENT_INTERVAL_MS);
  timer.unref();
}
