// From an entry of a provider's list to a channel of ours, by the import's rules. Pure: fetches nothing, seals nothing.

import type { ChannelImportConfig } from "../config/lists-schema.ts";
import { readImportedSource } from "../hls/import-options.ts";
import { LIST_LIMITS } from "../limits.ts";
import { classifyHost } from "../net/destination.ts";
import { type CatchupMode, catchupMode, isCatchupSource } from "./catchup.ts";
import { ChannelIds } from "./channel-ids.ts";
import { matchesAny, rename } from "./glob.ts";
import type { ListedChannel } from "./listed-channel.ts";
import type { ListEntry } from "./m3u.ts";
import { plainText } from "./plain-text.ts";
import { providerSecrets, publicPicture } from "./provider-secrets.ts";
import { kindOf, type StreamKind } from "./stream-kind.ts";

/** Why an entry is not taken. */
export type SkipReason = "address" | "type" | "format" | "filter" | "limit";

/** What an import needs to know of a channel besides what lists show; kept sealed. */
export interface ImportedOrigin {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly catchup_source?: string;
  /** Present where the host is the list's word, and none that the configuration names. */
  readonly foreign?: true;
}

export interface ImportedChannel {
  readonly listed: ListedChannel;
  readonly kind: StreamKind;
  readonly catchup: CatchupMode | undefined;
  readonly origin: ImportedOrigin;
}

/** The part of an import's configuration that decides about entries. */
export type ImportRules = Pick<
  ChannelImportConfig,
  | "name"
  | "types"
  | "kind"
  | "via"
  | "include_groups"
  | "exclude_groups"
  | "include_names"
  | "exclude_names"
  | "rename_groups"
  | "rename_channels"
  | "group"
  | "prefix"
  | "tvg_prefix"
>;

/** Makes the channels of one list, in its order. */
export class ChannelImporter {
  readonly #rules: ImportRules;
  readonly #secrets: ReadonlySet<string>;
  readonly #ids: ChannelIds;
  /** What the operator named, wherever it is. */
  readonly #named: readonly URL[];
  /** Characters of all channels so far. */
  #kept = 0;

  /** `urls`: the provider's own addresses in the clear, whose credentials no picture may carry. */
  constructor(rules: ImportRules, urls: readonly string[]) {
    this.#rules = rules;
    this.#secrets = providerSecrets(...urls);
    this.#ids = new ChannelIds(rules.name);
    this.#named = urls.map((url) => URL.parse(url)).filter((url) => url !== null);
  }

  /** The entry's channel, or why it has none. */
  next(entry: ListEntry): ImportedChannel | SkipReason {
    const source = readImportedSource(entry.url, entry.options);
    const url = URL.parse(source.url);
    if (url === null || source.url.length > 2_048 || !this.#mayFetch(url)) return "address";
    const { type, kind } = kindOf(entry, url, this.#rules.kind);
    if (!this.#rules.types.includes(type)) return "type";
    if (kind === undefined) return "format";
    const theirName = plainText(entry.name);
    const theirGroup = plainText(entry.attributes.get("group-title") ?? "");
    if (!this.#takes(theirName, theirGroup)) return "filter";
    url.hash = "";
    const catchup = catchupOf(entry);
    return this.#fitting({
      listed: {
        ...this.#listed(entry, { name: theirName, group: theirGroup, url: url.href }),
        ...(kind === "ts" ? { kind } : {}),
        ...(catchup === undefined ? {} : { catchup: true as const, ...catchup.days }),
      },
      kind,
      catchup: catchup?.mode,
      origin: {
        url: url.href,
        headers: source.headers,
        ...catchup?.source,
        ...(this.#isNamed(url) ? {} : { foreign: true as const }),
      },
    });
  }

  #fitting(channel: ImportedChannel): ImportedChannel | SkipReason {
    const originChars = JSON.stringify(channel.origin).length;
    const chars = originChars + JSON.stringify(channel.listed).length;
    if (originChars > LIST_LIMITS.ORIGIN_CHARS_MAX || this.#kept + chars > LIST_LIMITS.LIST_KEPT_CHARS_MAX)
      return "limit";
    this.#kept += chars;
    return channel;
  }

  /**
   * A provider must not send the edge into networks that only the edge can reach: a channel's own source is exempt from that
   * check later on, for it is usually the operator's word. Behind a relay its rules decide.
   */
  #mayFetch(url: URL): boolean {
    if (this.#rules.via !== "direct" || this.#isNamed(url)) return true;
    const place = classifyHost(url.hostname);
    return place === "public" || place === "name";
  }

  /** A name on its port only: its owner decides where it leads, and could have any port of this machine asked. */
  #isNamed({ hostname, protocol, port }: URL): boolean {
    return this.#named.some(
      (named) =>
        named.hostname === hostname &&
        (classifyHost(hostname) !== "name" || (named.protocol === protocol && named.port === port)),
    );
  }

  #takes(name: string, group: string): boolean {
    const { include_groups, exclude_groups, include_names, exclude_names } = this.#rules;
    if (include_groups.length > 0 && !matchesAny(include_groups, group)) return false;
    if (include_names.length > 0 && !matchesAny(include_names, name)) return false;
    return !matchesAny(exclude_groups, group) && !matchesAny(exclude_names, name);
  }

  #listed(entry: ListEntry, their: { name: string; group: string; url: string }): ListedChannel {
    const { rename_channels, rename_groups, prefix, tvg_prefix } = this.#rules;
    const attribute = (name: string, max?: number) => plainText(entry.attributes.get(name) ?? "", max);
    const tvgId = attribute("tvg-id", 150);
    const id = this.#ids.next({ ...their, tvgId });
    const name = plainText(prefix + (rename(rename_channels, their.name) || their.name)) || id;
    const logo = publicPicture(
      entry.attributes.get("tvg-logo") ?? entry.attributes.get("logo"),
      this.#secrets,
    );
    const tvg_name = attribute("tvg-name");
    const tvg_chno = attribute("tvg-chno", 20) || attribute("channel-number", 20);
    const tvg_shift = attribute("tvg-shift", 20);
    return {
      id,
      name,
      group: this.#rules.group || rename(rename_groups, their.group),
      tvg_id: tvgId === "" ? "" : plainText(tvg_prefix + tvgId),
      ...(logo === undefined ? {} : { logo }),
      ...(tvg_name === "" || tvg_name === name ? {} : { tvg_name }),
      ...(tvg_chno === "" ? {} : { tvg_chno }),
      ...(tvg_shift === "" ? {} : { tvg_shift }),
    };
  }
}

interface Catchup {
  readonly mode: CatchupMode;
  readonly days: { catchup_days?: number };
  readonly source: { catchup_source?: string };
}

/** What the entry says of past programmes, where it is enough to find them. */
function catchupOf({ attributes }: ListEntry): Catchup | undefined {
  const named = attributes.get("catchup") ?? attributes.get("catchup-type") ?? "";
  const text = attributes.get("catchup-source") ?? "";
  const source = isCatchupSource(text) ? text : "";
  const timeshift = attributes.get("timeshift") ?? "";
  const mode = catchupMode(named) ?? (source === "" ? undefined : "default");
  const isFindable = mode !== undefined && (source !== "" || (mode !== "default" && mode !== "append"));
  if (!isFindable) return undefined;
  const days = Number(/^\d{1,3}/.exec(attributes.get("catchup-days") || timeshift)?.[0] ?? 0);
  return {
    mode,
    days: days === 0 ? {} : { catchup_days: Math.min(days, 365) },
    source: source === "" ? {} : { catchup_source: source },
  };
}
