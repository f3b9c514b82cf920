// Reads a secret from standard input: hidden and twice where a person types it, else as it comes.

import { createInterface } from "node:readline/promises";
import { addAbortSignal, type Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { UsageError } from "./command.ts";

export interface SecretInput {
  readonly input: Readable & { readonly isTTY?: boolean };
  /** Where prompts go. */
  readonly prompts: Pick<Writable, "write">;
  readonly signal: AbortSignal;
  /** Called at Ctrl-C, of which a hidden terminal makes no signal. */
  readonly interrupt: () => void;
}

/**
 * The secret, with the line end if one came through a pipe.
 * @throws {UsageError} when the second time differs from the first; an AbortError once the signal aborts or the input ends.
 */
export async function readSecret(
  prompt: string,
  { input, prompts, signal, interrupt }: SecretInput,
): Promise<string> {
  if (input.isTTY !== true) return text(addAbortSignal(signal, input));
  // readline echoes to its output: this one shows nothing.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input, output, terminal: true, historySize: 0 });
  terminal.on("SIGINT", interrupt);
  const closed = new AbortController();
  terminal.once("close", () => closed.abort());
  const ended = AbortSignal.any([signal, closed.signal]);
  try {
    const answers: string[] = [];
    for (const line of [`${prompt}: `, `${prompt} again: `]) {
      prompts.write(line);
      answers.push(await terminal.question("", { signal: ended }));
      prompts.write("\n");
    }
    if (answers[0] !== answers[1]) throw new UsageError("The two inputs differ");
    return answers[0] ?? "";
  } finally {
    terminal.close();
  }
}
