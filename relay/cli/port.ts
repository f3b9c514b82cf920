// Ports as they stand on the command line.

import { UsageError } from "./command.ts";

/**
 * Reads a port number; 0 means any free one.
 * @throws {UsageError} when it is none.
 */
export function parsePort(option: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new UsageError(`Cannot use "${text}" for ${option}: want a port from 0 to 65535`);
}
