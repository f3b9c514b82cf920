// What npm does at a SIGTERM: it ends the shell that it started, and the shell says nothing to the command.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../../relay/main.ts", import.meta.url));

/** `causeway demo` below a shell, as npm's scripts run it. */
async function startBelowShell() {
  // The second command keeps the shell from becoming the first.
  const shell = spawn(
    "/bin/sh",
    ["-c", '"$0" "$@"; exit $?', process.execPath, MAIN, "demo", "--demo-port", "0"],
    {
      env: { ...process.env, npm_lifecycle_event: "demo" },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const output = shell.stdout.setEncoding("utf8");
  let text = "";
  for await (const part of output.iterator({ destroyOnReturn: false })) {
    text += part as string;
    if (text.includes("listens on")) break;
  }
  const [, url = ""] = /listens on (\S+)/.exec(text) ?? [];
  return { shell, output, url };
}

describe("a command that npm started", () => {
  it("stops when its shell is ended", async () => {
    const { shell, output, url } = await startBelowShell();
    expect((await fetch(url)).status).toBe(200);
    shell.kill("SIGTERM");
    // The command holds the other end of this pipe.
    output.resume();
    await once(output, "end");
    await expect(fetch(url)).rejects.toThrow();
  });
});
