// The log of a command: JSON lines on standard error, so that standard output stays for people.

import { type Logger, pino } from "pino";
import { UsageError } from "./command.ts";

const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

export type LogLevel = (typeof LEVELS)[number];

/** The option `--log-level` with a command's own default. */
export function logLevelOption<const L extends LogLevel>(fallback: L) {
  return {
    type: "string",
    value: "LEVEL",
    fallback,
    env: "CAUSEWAY_LOG_LEVEL",
    doc: `Least level that is logged to standard error: ${LEVELS.join(", ")}.`,
  } as const;
}

/** @throws {UsageError} when it is no level. */
export function parseLogLevel(text: string): LogLevel {
  const level = LEVELS.find((candidate) => candidate === text);
  if (level !== undefined) return level;
  throw new UsageError(`Cannot use "${text}" for --log-level: want one of ${LEVELS.join(", ")}`);
}

/** Whether a message of `level`, as a runtime names it, is to be shown where `wanted` was asked for. */
export function isLogged(level: string, wanted: LogLevel): boolean {
  const known = LEVELS.findIndex((candidate) => level.startsWith(candidate));
  return (known === -1 ? LEVELS.indexOf("info") : known) >= LEVELS.indexOf(wanted);
}

export function createLog(level: LogLevel): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}
