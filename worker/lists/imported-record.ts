// An imported channel as the imports object keeps it, and as the Worker uses it: the list's word, then the keys that the import
// gives all its channels. What tells of the origin is sealed in the one and in the clear in the other.

import * as v from "valibot";
import { type ChannelConfig, type ChannelImportConfig, ChannelSchema } from "../../shared/config/schema.ts";
import type { SecretBox } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import type { CatchupMode } from "../../shared/lists/catchup.ts";
import type { ImportedOrigin } from "../../shared/lists/imported-channel.ts";
import type { ListedChannel } from "../../shared/lists/listed-channel.ts";
import type { StreamKind } from "../../shared/lists/stream-kind.ts";
import { openRecord } from "../directory/records.ts";

export interface ImportedRecord {
  readonly listed: ListedChannel;
  readonly kind: StreamKind;
  readonly catchup: CatchupMode | null;
  /** An {@link ImportedOrigin} as JSON, sealed. */
  readonly origin: string;
}

/**
 * The channel for use in this isolate only.
 * @throws CausewayError `secrets_missing` when its origin was sealed under another root key
 */
export async function openImported(
  { listed, kind, catchup, origin }: ImportedRecord,
  { channel: shared, via }: ChannelImportConfig,
  box: SecretBox,
): Promise<ChannelConfig> {
  const text = await box.open(origin);
  if (text === undefined) throw new CausewayError("secrets_missing");
  const { url, headers, catchup_source, foreign } = JSON.parse(text) as ImportedOrigin;
  const { id, name, group, logo, tvg_id } = listed;
  // What the schema transforms must not be transformed twice: only the sources pass it, the rest has its final form.
  const { sources } = v.parse(v.pick(ChannelSchema, ["sources"]), { sources: [{ url, via, headers }] });
  const channel: ChannelConfig = {
    ...shared,
    id,
    name,
    group,
    ...(logo === undefined ? {} : { logo }),
    tvg_id,
    tvg_name: listed.tvg_name ?? "",
    tvg_chno: listed.tvg_chno ?? "",
    tvg_shift: listed.tvg_shift ?? shared.tvg_shift,
    kind,
    sources: foreign === undefined ? sources : sources.map((named) => ({ ...named, foreign })),
    ...(catchup === null ? {} : { catchup }),
    ...(catchup_source === undefined ? {} : { catchup_source }),
    catchup_days: listed.catchup_days ?? shared.catchup_days,
  };
  return openRecord(channel, box);
}

/** What lists show of an imported channel: the list's word, then what the import says of all its channels. */
export function listedWith(
  listed: ListedChannel,
  { channel }: Pick<ChannelImportConfig, "channel">,
): ListedChannel {
  const { access, catchup, catchup_days, tvg_shift } = channel;
  return {
    ...(tvg_shift === "" ? {} : { tvg_shift }),
    ...(catchup_days === 0 ? {} : { catchup_days }),
    ...(catchup === undefined ? {} : { catchup: true as const }),
    ...listed,
    ...(access === "token" ? { access } : {}),
  };
}
