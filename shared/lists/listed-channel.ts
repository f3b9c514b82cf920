// What a list of channels shows of one, and nothing else: every isolate holds this of each configured channel. Pure.

import type { ChannelConfig } from "../config/channel-schema.ts";

export interface ListedChannel {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly tvg_id: string;
  readonly logo?: string;
  readonly tvg_name?: string;
  readonly tvg_chno?: string;
  readonly tvg_shift?: string;
  /** "ts": it is played at stream.ts. Absent: at stream.m3u8. */
  readonly kind?: "ts";
  /** "token": its address needs a token. */
  readonly access?: "token";
  /** Present where past programmes can be asked for. */
  readonly catchup?: true;
  readonly catchup_days?: number;
}

/** What stands at its default is left out. */
export function listedChannel(channel: ChannelConfig): ListedChannel {
  const { id, name, group, tvg_id, logo, tvg_name, tvg_chno, tvg_shift, catchup, catchup_days } = channel;
  const { kind, access } = channel;
  return {
    id,
    name,
    group,
    tvg_id,
    ...(logo === undefined ? {} : { logo }),
    ...(tvg_name === "" ? {} : { tvg_name }),
    ...(tvg_chno === "" ? {} : { tvg_chno }),
    ...(tvg_shift === "" ? {} : { tvg_shift }),
    ...(kind === "ts" ? { kind } : {}),
    ...(access === "token" ? { access } : {}),
    ...(catchup === undefined ? {} : { catchup: true as const }),
    ...(catchup_days === 0 ? {} : { catchup_days }),
  };
}

/** The id under which guides and lists know the channel. */
export function guideIdOf(channel: ListedChannel): string {
  return channel.tvg_id || channel.id;
}
