// The sink "http": records wait in a bounded queue and are posted in batches, as lines of JSON. Traffic never waits for it:
// what does not fit is dropped and counted, and the count stands in the next batch. A batch is offered until it is taken,
// so the receiver may see one twice, under the same X-Causeway-Batch.

import { CausewayError } from "../../shared/errors.ts";
import { ACCESS_LOG_LIMITS as LIMITS } from "../../shared/limits.ts";
import { BackgroundLoop, type BackgroundWork } from "../background.ts";
import { secretBox } from "../directory/root-key.ts";
import type { Env } from "../env.ts";
import { originFetch } from "../network.ts";
import type { LiveContext } from "../proxy/call.ts";

export interface HttpSinkConfig {
  readonly url: string;
  /** Values sealed under the root key. */
  readonly headers: Readonly<Record<string, string>>;
}

interface Batch {
  readonly id: string;
  /** Records in it, and those that it tells the loss of. */
  readonly records: number;
  readonly body: string;
}

/** `refused`: this batch will never be taken; `failed`: it may be later. */
type Outcome = "taken" | "refused" | "failed";

/** What the receiver has against the batch itself; everything else may be mended there. */
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 415, 422]);

export class HttpSink implements BackgroundWork {
  readonly intervalMs = LIMITS.POST_INTERVAL_MS;
  readonly deadlineMs = LIMITS.ROUND_MS + 2 * LIMITS.POST_TIMEOUT_MS;
  readonly #config: HttpSinkConfig;
  readonly #loop = new BackgroundLoop(this);
  #headers: Headers | undefined;
  #lines: string[] = [];
  #chars = 0;
  #dropped = 0;
  #batch: Batch | undefined;
  #batches = 0;
  #source = "";
  #isFailing = false;

  constructor(config: HttpSinkConfig) {
    this.#config = config;
  }

  /** Queues a record, a line of JSON without its end. */
  write(line: string, host: LiveContext): void {
    if (
      this.#lines.length >= LIMITS.QUEUE_RECORDS_MAX ||
      this.#chars + line.length > LIMITS.QUEUE_CHARS_MAX
    ) {
      this.#dropped++;
    } else {
      this.#lines.push(line);
      this.#chars += line.length;
    }
    this.#loop.touch(host.env, host.ctx);
  }

  get pending(): boolean {
    return this.#batch !== undefined || this.#lines.length > 0 || this.#dropped > 0;
  }

  /** Posts what waits, batch after batch, as long as they are taken and time allows. */
  async round(env: Env): Promise<boolean> {
    const endsAt = Date.now() + LIMITS.ROUND_MS;
    while (this.pending && Date.now() < endsAt) {
      this.#batch ??= this.#take();
      const batch = this.#batch;
      const outcome = await this.#post(batch, env);
      // Another context may have taken over and be further.
      if (this.#batch !== batch) return true;
      if (outcome === "failed") return false;
      this.#batch = undefined;
      if (outcome === "refused") this.#dropped += batch.records;
      // The count of a refused batch waits for the next round: what is refused once may be always.
      if (outcome === "refused") return false;
    }
    return true;
  }

  #take(): Batch {
    this.#source ||= crypto.randomUUID();
    let chars = 0;
    let records = 0;
    for (const line of this.#lines) {
      if (records >= LIMITS.BATCH_RECORDS_MAX || chars + line.length > LIMITS.BATCH_CHARS_MAX) break;
      chars += line.length;
      records++;
    }
    const lines = this.#lines.splice(0, records);
    this.#chars -= chars;
    if (this.#dropped > 0) {
      records += this.#dropped;
      const time = new Date().toISOString();
      lines.push(JSON.stringify({ event: "records_dropped", time, records: this.#dropped }));
      this.#dropped = 0;
    }
    return { id: `${this.#source}-${++this.#batches}`, records, body: `${lines.join("\n")}\n` };
  }

  async #post(batch: Batch, env: Env): Promise<Outcome> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), LIMITS.POST_TIMEOUT_MS);
    try {
      const headers = new Headers(await this.#openHeaders(env));
      headers.set("X-Causeway-Batch", batch.id);
      const { url } = this.#config;
      const { signal } = controller;
      const response = await originFetch(env)(url, {
        method: "POST",
        body: batch.body,
        headers,
        redirect: "manual",
        signal,
      });
      await response.body?.cancel();
      if (response.ok) return this.#note("taken", "");
      const outcome = REFUSALS.has(response.status) ? "refused" : "failed";
      return this.#note(outcome, `status_${response.status}`);
    } catch (error) {
      return this.#note("failed", error instanceof CausewayError ? error.code : "unreachable");
    } finally {
      clearTimeout(timer);
    }
  }

  async #openHeaders(env: Env): Promise<Headers> {
    if (this.#headers) return this.#headers;
    const headers = new Headers({ "Content-Type": "application/x-ndjson" });
    const entries = Object.entries(this.#config.headers);
    const box = entries.length > 0 ? await secretBox(env) : undefined;
    for (const [name, value] of entries) {
      const plain = await box?.open(value);
      if (plain === undefined) throw new CausewayError("secrets_missing");
      headers.set(name, plain);
    }
    this.#headers = headers;
    return headers;
  }

  /** Tells the operator once that records do not get through, and that they do again. */
  #note(outcome: Outcome, problem: string): Outcome {
    const isFailing = outcome !== "taken";
    if (isFailing !== this.#isFailing) {
      this.#isFailing = isFailing;
      const event = isFailing ? "access_log_failing" : "access_log_recovered";
      // biome-ignore lint/suspicious/noConsole: the runtime's log is where a broken log is reported
      console.error(JSON.stringify({ event, sink: new URL(this.#config.url).origin, problem }));
    }
    return outcome;
  }
}

const sinks = new Map<string, HttpSink>();

/** The sink of a configuration; the same one, with its queue, for as long as that stays the same over pushes. */
export function httpSink(config: HttpSinkConfig): HttpSink {
  const key = JSON.stringify([config.url, config.headers]);
  const known = sinks.get(key);
  const sink = known ?? new HttpSink(config);
  sinks.delete(key);
  sinks.set(key, sink);
  const [oldest] = sinks.keys();
  if (sinks.size > LIMITS.SINKS_KEPT_MAX && oldest !== undefined) sinks.delete(oldest);
  return sink;
}
