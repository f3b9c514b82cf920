// Writes a list of channels for players: M3U with the attributes that they read. Every address in it is ours. Pure.

import { guideIdOf, type ListedChannel } from "./listed-channel.ts";

export interface ListFormat {
  /** Scheme and host that the channels' addresses begin with. */
  readonly origin: string;
  /** The guide's address; undefined where there is none. */
  readonly guide?: string | undefined;
  /** The token of a channel's address ("/proxy/ch_X/t.TOKEN/…"); absent, or undefined for a channel: an address without. */
  tokenFor?(channel: ListedChannel): string | undefined;
}

/** The list's first line. */
export function listHead({ guide }: ListFormat): string {
  return `#EXTM3U${guide === undefined ? "" : `${attribute("url-tvg", guide)}${attribute("x-tvg-url", guide)}`}\n`;
}

/** The entries of a part of a list. */
export function listEntries(channels: readonly ListedChannel[], format: ListFormat): string {
  let text = "";
  for (const channel of channels) text += entry(channel, format);
  return text;
}

function entry(channel: ListedChannel, format: ListFormat): string {
  const name = channel.name || channel.id;
  const token = format.tokenFor?.(channel);
  const base = `${format.origin}/proxy/${channel.id}/${token === undefined ? "" : `t.${token}/`}`;
  const attributes =
    // Only our own guide knows channels by their ids here.
    attribute("tvg-id", format.guide === undefined ? channel.tvg_id : guideIdOf(channel)) +
    attribute("tvg-name", channel.tvg_name || name) +
    attribute("tvg-chno", channel.tvg_chno ?? "") +
    attribute("tvg-logo", channel.logo ?? "") +
    attribute("tvg-shift", channel.tvg_shift ?? "") +
    attribute("group-title", channel.group) +
    (channel.catchup === true ? catchup(base, channel.catchup_days ?? 0) : "");
  return `#EXTINF:-1${attributes},${oneLine(name)}\n${base}${streamName(channel)}\n`;
}

function streamName(channel: ListedChannel): string {
  return channel.kind === "ts" ? "stream.ts" : "stream.m3u8";
}

/** Players put the times of a programme into our address; what the origin's looks like stays here. */
function catchup(base: string, days: number): string {
  return (
    attribute("catchup", "default") +
    attribute("catchup-days", days === 0 ? "" : String(days)) +
    attribute("catchup-source", `${base}catchup.m3u8?utc={utc}&duration={duration}&lutc={lutc}`)
  );
}

function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replaceAll(/[\u0000-\u001f\u007f\u2028\u2029]+/g, " ");
}

/** The format has no escape for quotes, so they become typographic neighbours that no parser mistakes. */
function attribute(name: string, value: string): string {
  return value === "" ? "" : ` ${name}="${oneLine(value).replaceAll('"', "'")}"`;
}
