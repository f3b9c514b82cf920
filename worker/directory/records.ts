// Channel records of this isolate: loaded on demand, least recently used dropped first, secrets opened. A record outlives
// its version while the directory cannot give a newer one.

import { waitUntil } from "cloudflare:workers";
import type { ChannelConfig } from "../../shared/config/schema.ts";
import type { SecretBox } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import { DIRECTORY_LIMITS as LIMITS } from "../../shared/limits.ts";
import { withDeadline } from "./deadline.ts";

interface Kept {
  readonly epoch: number;
  readonly channel: ChannelConfig;
}

interface Flight {
  readonly promise: Promise<ChannelConfig>;
  readonly startedAt: number;
}

/** One per isolate. */
export class ChannelRecords {
  readonly #kept = new Map<string, Kept>();
  readonly #flights = new Map<string, Flight>();
  /** After a failure nothing is loaded until then: requests must not queue up before a dead directory. */
  #retryAt = Number.NEGATIVE_INFINITY;

  /**
   * The channel as of `epoch` or newer, or in the state known last where the directory fails.
   * @throws CausewayError `config_unavailable` when it can neither be loaded nor was known before
   */
  async get(id: string, epoch: number, load: () => Promise<ChannelConfig>): Promise<ChannelConfig> {
    const kept = this.#kept.get(id);
    if (kept !== undefined && kept.epoch >= epoch) {
      this.#keep(id, kept);
      return kept.channel;
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

  #join(id: string, epoch: number, load: () => Promise<ChannelConfig>): Promise<ChannelConfig> {
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

  async #load(id: string, epoch: number, load: () => Promise<ChannelConfig>): Promise<ChannelConfig> {
    const channel = await load();
    if ((this.#kept.get(id)?.epoch ?? 0) < epoch) this.#keep(id, { epoch, channel });
    return channel;
  }

  /** A Map iterates in order of insertion: what was used last stands last. */
  #keep(id: string, kept: Kept): void {
    this.#kept.delete(id);
    this.#kept.set(id, kept);
    if (this.#kept.size <= LIMITS.RECORDS_MAX) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }
}

function known(kept: Kept | undefined, cause?: unknown): ChannelConfig {
  if (kept !== undefined) return kept.channel;
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
  const sources = await Promise.all(channel.sources.map((source) => openText(source, box)));
  const headers = await Promise.all(
    Object.entries(channel.headers).map(async ([name, value]) => [name, await openText(value, box)] as const),
  );
  return { ...channel, sources, headers: Object.fromEntries(headers) };
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
