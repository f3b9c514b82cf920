// The hosts file, which c-ares does not read: names the machine's owner has given to addresses.

import { readFile } from "node:fs/promises";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { canonicalIp } from "../../shared/net/address.ts";

const PATH =
  process.platform === "win32"
    ? `${process.env.SystemRoot ?? "C:\\Windows"}\\System32\\drivers\\etc\\hosts`
    : "/etc/hosts";
/** RFC 6761 section 6.3: these never go to a name server. */
const LOOPBACK: readonly string[] = ["127.0.0.1", "::1"];

export class HostsFile {
  readonly #path: string;
  #entries: ReadonlyMap<string, readonly string[]> = new Map();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  /** `path`: the system's by default; "" for none. */
  constructor(path: string = PATH) {
    this.#path = path;
  }

  /** Addresses of a lower-case name, or undefined when the file does not know it. */
  async lookup(name: string): Promise<readonly string[] | undefined> {
    if (this.#path !== "" && performance.now() - this.#readAt > RELAY_LIMITS.HOSTS_FILE_MAX_AGE_MS) {
      this.#reading ??= this.#read();
      await this.#reading;
    }
    const isLocal = name === "localhost" || name.endsWith(".localhost");
    return this.#entries.get(name) ?? (isLocal ? LOOPBACK : undefined);
  }

  async #read(): Promise<void> {
    try {
      this.#entries = parseHosts(await readFile(this.#path, "utf8"));
    } catch {
      // A machine without a readable hosts file has no entries; the name servers still answer.
      this.#entries = new Map();
    } finally {
      this.#readAt = performance.now();
      this.#reading = undefined;
    }
  }
}

/** Addresses by lower-case name, in the file's order. */
export function parseHosts(text: string): Map<string, string[]> {
  const entries = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = (line.split("#")[0] ?? "").trim().split(/\s+/);
    const canonical = canonicalIp(address);
    if (canonical === undefined) continue;
    for (const name of names) {
      const known = entries.get(name.toLowerCase());
      if (known === undefined) entries.set(name.toLowerCase(), [canonical]);
      else if (!known.includes(canonical)) known.push(canonical);
    }
  }
  return entries;
}
