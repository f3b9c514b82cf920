#!/usr/bin/env node
// The CLI: streams, signals and the exit code around one command. The only process.exit of the relay.

import type { WriteStream } from "node:tty";
import type { CommandIo } from "./cli/command.ts";
import { RELOADING } from "./cli/registry.ts";
import { EXIT_INTERRUPTED, runCommandLine } from "./cli/run.ts";
import { readSecret } from "./cli/secret-input.ts";
import { stopWithNpmShell } from "./npm-shell.ts";
import { readVersion } from "./version.ts";
import type { Terminal } from "./watch/screen.ts";

/** What miniflare and the language features used here need; npm's scripts bring a newer one. */
const NODE_MAJOR_MIN = 22;
/** `npm start` passes a Ctrl-C on that the terminal has sent to the whole group already: one key press, two signals. */
const SAME_KEY_PRESS_MS = 500;

/** First signal: stop in order. Second: at once, for a stop that hangs. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  let abortedAt = 0;
  function onSignal(): void {
    if (!controller.signal.aborted) {
      abortedAt = performance.now();
      controller.abort();
    } else if (performance.now() - abortedAt > SAME_KEY_PRESS_MS) {
      process.exit(EXIT_INTERRUPTED);
    }
  }
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  stopWithNpmShell(process.env, onSignal);
  return controller.signal;
}

/** Keeps a SIGHUP for a command that still starts: a service manager may send one as soon as the process is there. */
function holdHangups(command = ""): CommandIo["onHangup"] {
  if (!RELOADING.includes(command)) return undefined;
  let isKept = false;
  let listener = (): void => {
    isKept = true;
  };
  process.on("SIGHUP", () => listener());
  return (next) => {
    listener = next;
    if (isKept) next();
  };
}

/** A reader such as `head` that goes away ends the program quietly, as it does any Unix filter. */
function ignoreClosedOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

function refuseOldNode(): void {
  const { node } = process.versions;
  if (Number.parseInt(node, 10) >= NODE_MAJOR_MIN) return;
  process.stderr.write(`causeway: Cannot run on Node ${node}: want ${NODE_MAJOR_MIN} or newer\n`);
  process.exit(1);
}

function terminalOf(stdout: WriteStream): Terminal {
  return {
    get columns() {
      return stdout.columns;
    },
    get rows() {
      return stdout.rows;
    },
    write: (text) => void stdout.write(text),
    onResize(listener) {
      stdout.on("resize", listener);
      return () => stdout.off("resize", listener);
    },
  };
}

refuseOldNode();
const signal = abortOnSignals();
const onHangup = holdHangups(process.argv[2]);
const io: CommandIo = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  env: process.env,
  signal,
  terminal: process.stdout.isTTY ? terminalOf(process.stdout) : undefined,
  ...(onHangup && { onHangup }),
  readSecret: (prompt) =>
    readSecret(prompt, {
      input: process.stdin,
      prompts: process.stderr,
      signal,
      interrupt: () => process.kill(process.pid, "SIGINT"),
    }),
};

ignoreClosedOutput();
process.exit(await runCommandLine(process.argv.slice(2), io, readVersion()));
