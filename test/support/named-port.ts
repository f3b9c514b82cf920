// A port for tests that have to name one before anything listens there: in a file, or to a process of its own.

import { randomInt } from "node:crypto";
import { claimPort, PortTakenError } from "../../relay/serve/listen.ts";

/** Below the ports from which systems take outgoing connections' own: none of those can come in between. */
const FIRST = 12_000;
const LAST = 31_999;

/** A port of 127.0.0.1 that is free, and that nobody takes by chance. */
export async function namedPort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST + 1);
    try {
      return await claimPort({ host: "127.0.0.1", port, setting: "port" });
    } catch (error) {
      if (!(error instanceof PortTakenError)) throw error;
    }
  }
}
