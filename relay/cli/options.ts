// Options that several commands share: declared once, so that they mean the same everywhere.

import { isLoopbackHost } from "../../shared/net/loopback.ts";
import { DEFAULT_CONFIG_FILE } from "../config-file.ts";
import { UsageError } from "./command.ts";

/** `--config`, with what the command does with the file. */
export function configOption(doc: string) {
  return { type: "string", short: "c", value: "FILE", fallback: DEFAULT_CONFIG_FILE, doc } as const;
}

/** `--state`: where `causeway start` keeps what must survive it. */
export function stateOption(doc: string) {
  return {
    type: "string",
    value: "DIRECTORY",
    fallback: ".causeway",
    env: "CAUSEWAY_STATE",
    doc,
  } as const;
}

/** `--edge`; read it with `edgeUrl`. */
export const EDGE_OPTION = {
  type: "string",
  value: "URL",
  fallback: "http://127.0.0.1:8787",
  env: "CAUSEWAY_EDGE",
  doc: "The edge's control host.",
} as const;

/**
 * The origin of `--edge`. The admin's token goes there: plain http only to this machine.
 * @throws {UsageError} when it is no such URL.
 */
export function edgeUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback = url !== undefined && isLoopbackHost(url.hostname);
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback)) return url.origin;
  throw new UsageError(`Cannot use "${text}" for --edge: expected an https:// URL, or http:// to loopback`);
}
