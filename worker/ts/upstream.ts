// Where an object's stream comes from: the channel's sources, or for all objects but the first the one above it. Knows the
// configuration as it stands; opens connections and reads nothing from them.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";
import { type ConfigSnapshot, currentConfig } from "../directory/client.ts";
import type { Env } from "../env.ts";
import type { Exchange } from "../exchange.ts";
import { fetchOrigin } from "../hls/origin.ts";
import { nextRequestId } from "../request-id.ts";
import { isolateMeter } from "../stats/meter.ts";
import { callJoin, type Join, parentJoin } from "./join.ts";

/** The object that the stream is for. */
export interface Place extends Pick<Join, "channel" | "shard"> {
  readonly env: Env;
  readonly ctx: DurableObjectState;
}

export class Upstream {
  readonly #place: Place;
  readonly #parent: Join | undefined;
  #config: ConfigSnapshot | undefined;
  #channel: ChannelConfig | undefined;

  constructor(place: Place) {
    this.#place = place;
    this.#parent = parentJoin(place);
  }

  /** How many sources there are to choose from. */
  get count(): number {
    return this.#parent ? 1 : (this.#channel?.sources.length ?? 1);
  }

  /** How long the stream may stand still, in milliseconds. */
  get readTimeoutMs(): number {
    return this.#channel?.read_timeout ?? HLS_LIMITS.STALL_TIMEOUT_MS;
  }

  /**
   * Takes over the channel's configuration; true if the stream now comes from elsewhere.
   * @throws CausewayError `channel_unknown` when there is no such channel any more, `config_unavailable`
   */
  async load(): Promise<boolean> {
    const { env, ctx, channel: id } = this.#place;
    this.#config = await currentConfig(env, ctx);
    const channel = await this.#config.channel(id);
    if (channel?.kind !== "ts") throw new CausewayError("channel_unknown");
    const before = this.#channel;
    this.#channel = channel;
    if (before === undefined || before === channel || this.#parent) return false;
    return originsOf(before) !== originsOf(channel);
  }

  /**
   * Connects to a source.
   * @throws CausewayError what `fetchOrigin` throws, or the object above
   */
  async open(index: number): Promise<ReadableStream<Uint8Array>> {
    if (this.#parent) {
      const reply = await callJoin(this.#place.env, this.#parent);
      if (reply.type === "full" || !reply.body) throw new CausewayError("channel_full");
      return reply.body;
    }
    const source = this.#channel?.sources[index];
    if (!this.#channel || !this.#config || !source) throw new CausewayError("channel_unknown");
    const request = { method: "GET", url: source.url, source: index } as const;
    const { response } = await fetchOrigin(this.#exchange(this.#config), this.#channel, request);
    if (!response.body) throw new CausewayError("upstream_invalid");
    const { host } = new URL(source.url);
    isolateMeter().channel(this.#place.channel).source({ index, of: this.count, host });
    return response.body;
  }

  /** Counts that a connection failed after it had been opened. */
  noteFailure(code: ErrorCode): void {
    if (this.#parent) return;
    const { env, ctx, channel } = this.#place;
    const meter = isolateMeter();
    meter.channel(channel).failure(code);
    meter.touch(env, ctx as unknown as ExecutionContext);
  }

  /** No viewer's request is behind the pull: it is the object's own. */
  #exchange(config: ConfigSnapshot): Exchange {
    const { env, ctx, channel } = this.#place;
    const url = new URL(`http://ts.invalid/proxy/${channel}/stream.ts`);
    return {
      request: new Request(url),
      url,
      env,
      // All that is used of it is waitUntil, which objects have, too.
      ctx: ctx as unknown as ExecutionContext,
      requestId: nextRequestId(),
      clientIp: "",
      config,
      meter: isolateMeter(),
      startedAt: Date.now(),
    };
  }
}

/** All that a connection to the origin depends on, for comparing. */
function originsOf({ sources, headers }: ChannelConfig): string {
  return JSON.stringify([sources, headers]);
}
