// Channel records of this isolate: loaded on demand, least recently used dropped first, secrets opened. A record outlives
// its version while the directory cannot give a newer one.

import { waitUntil } from "cloudflare:workers";
import type { ChannelConfig, SourceConfig } from "../../shared/config/schema.ts";
import type { SecretBox } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import { readImportedSource } from "../../shared/hls/import-options.ts";
import { DIRECTORY_LIMITS as LIMITS } from "../../shared/limits.ts";
import { withDeadline } from "./deadline.ts";

interface Kept<T> {
  readonly epoch: number;
  readonly record: T;
}

interface Flight<T> {
  readonly promise: Promise<T>;
  readonly startedAt: number;
}

/** One per isolate and kind of record: `T` is a channel unless said otherwise. */
export class ChannelRecords<T = ChannelConfig> {
  readonly #kept = new Map<string, Kept<T>>();
  readonly #flights = new Map<string, Flight<T>>();
  /** After a failure nothing is loaded until then: requests must not queue up before a dead directory. */
  #retryAt = Number.NEGATIVE_INFINITY;

  /**
   * The record as of `epoch` or newer, or in the state known last where the directory fails.
   * @throws CausewayError `config_unavailable` when it can neither be loaded nor was known before
   */
  async get(id: string, epoch: number, load: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(id);
    if (kept !== undefined && kept.epoch >= epoch) {
      this.#keep(id, kept);
      return kept.record;
    }
    if (Date.now() < this.#retryAt) return known(kept);
    try {
      return await withDeadline(this.#join(id, epoch, load), LIMITS.RECORD_DEADLINE_MS);
    } catch (error) {
      if (error instanceof CausewayError && error.code !== "object_unreachable") throw error;
      this.#retryAt = Date.now() + LIMITS.RETRY_MIN_MS;
      return known(kept, error);
    }
  }

  #join(id: string, epoch: number, load: () => Promise<T>): Promise<T> {
    const key = `${epoch}/${id}`;
    const startedAt = Date.now();
    const running = this.#flights.get(key);
    if (running !== undefined && startedAt - running.startedAt < LIMITS.RECORD_DEADLINE_MS) {
      return running.promise;
    }
    // A flight whose context died never settles; none is needed by the time that so many have piled up.
    if (this.#flights.size >= LIMITS.RECORDS_MAX) this.#flights.clear();
    const flight = { promise: this.#load(id, epoch, load), startedAt };
    this.#flights.set(key, flight);
    const settle = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    // Others wait for this promise too: it must not end with the request that began it.
    waitUntil(flight.promise.then(settle, settle));
    return flight.promise;
  }

  async #load(id: string, epoch: number, load: () => Promise<T>): Promise<T> {
    const record = await load();
    if ((this.#kept.get(id)?.epoch ?? 0) < epoch) this.#keep(id, { epoch, record });
    return record;
  }

  /** A Map iterates in order of insertion: what was used last stands last. */
  #keep(id: string, kept: Kept<T>): void {
    this.#kept.delete(id);
    this.#kept.set(id, kept);
    if (this.#kept.size <= LIMITS.RECORDS_MAX) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }
}

function known<T>(kept: Kept<T> | undefined, cause?: unknown): T {
  if (kept !== undefined) return kept.record;
  throw new CausewayError(
    "config_unavailable",
    "The channel's configuration cannot be loaded: try again shortly",
    {
      cause,
    },
  );
}

/**
 * A record with its secrets in the clear, for use in this isolate only.
 * @throws CausewayError `secrets_missing` when one was sealed under another root key
 */
export async function openRecord(channel: ChannelConfig, box: SecretBox): Promise<ChannelConfig> {
  const sources = await Promise.all(channel.sources.map((source) => openSource(source, box)));
  const catchup_source = channel.catchup_source && (await openText(channel.catchup_source, box));
  return {
    ...channel,
    sources,
    headers: await openTexts(channel.headers, box),
    ...(catchup_source === undefined ? {} : { catchup_source }),
  };
}

/** Header fields behind the URL are secrets like it, so only here they are told apart. */
async function openSource(source: SourceConfig, box: SecretBox): Promise<SourceConfig> {
  const { url, headers } = readImportedSource(await openText(source.url, box));
  return { ...source, url, headers: { ...headers, ...(await openTexts(source.headers, box)) } };
}

async function openTexts(
  fields: Readonly<Record<string, string>>,
  box: SecretBox,
): Promise<Record<string, string>> {
  const opened = await Promise.all(
    Object.entries(fields).map(async ([name, value]) => [name, await openText(value, box)] as const),
  );
  return Object.fromEntries(opened);
}

async function openText(text: string, box: SecretBox): Promise<string> {
  if (!text.startsWith("sealed:")) return text;
  const plain = await box.open(text);
  if (plain !== undefined) return plain;
  throw new CausewayError(
    "secrets_missing",
    "A channel's secret was sealed under another ROOT_KEY: push again",
  );
}
