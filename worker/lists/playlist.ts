// The channel list for players: /playlist.m3u with the attributes that they read, absolute on the host that was asked; the
// configured channels, then those of imports, written page by page, so that no isolate holds them all.

import { CausewayError } from "../../shared/errors.ts";
import { LIST_LIMITS } from "../../shared/limits.ts";
import { type ListFormat, listEntries, listHead } from "../../shared/lists/format.ts";
import { matchesAny } from "../../shared/lists/glob.ts";
import type { ListedChannel } from "../../shared/lists/listed-channel.ts";
import { shortName } from "../../shared/net/hash.ts";
import type { Exchange } from "../exchange.ts";
import { matchesEtag, withCors } from "../hls/reply.ts";
import { listedPages } from "./imported-channels.ts";
import { byteStream } from "./streamed.ts";

/** For whom a list is written. */
export interface ListReader {
  /** The path of the guide that belongs to the list. */
  readonly guidePath: string;
  mayWatch(channel: ListedChannel): boolean;
  /** The tokens of those of a page's channels whose addresses need one, by id; absent: addresses without. */
  tokensFor?(channels: readonly ListedChannel[]): Promise<ReadonlyMap<string, string>>;
}

/** Anybody: channels that need a token are left out, for nobody could play them. */
const ANYBODY: ListReader = { guidePath: "/epg.xml", mayWatch: ({ access }) => access !== "token" };

/**
 * The list, filtered by the query: `group` and `name` are globs and may stand several times, `type` is hls or ts.
 * @throws CausewayError `bad_request` for a filter that is none, `object_unreachable` when imported channels cannot be had
 */
export async function serveList(x: Exchange, reader: ListReader = ANYBODY): Promise<Response> {
  const filter = filterOf(x.url.searchParams);
  const isTaken = (channel: ListedChannel) => reader.mayWatch(channel) && filter(channel);
  const { origin } = x.url;
  const format: ListFormat = {
    origin,
    guide: x.config.hasGuide ? origin + reader.guidePath : undefined,
  };
  const etag = reader === ANYBODY ? etagOf(x) : undefined;
  const headers = listHeaders(x, etag);
  if (matchesEtag(x.request.headers.get("if-none-match"), etag))
    return withCors(new Response(null, { status: 304, headers }));
  const texts = listTexts(x, format, (page) => entriesFor(page.filter(isTaken), format, reader));
  // What fails at once is answered with an error, not with half a list.
  const first = await texts.next();
  if (x.request.method === "HEAD") {
    await texts.return(undefined);
    return withCors(new Response(null, { headers }));
  }
  return withCors(new Response(first.done ? "" : byteStream(first.value, texts), { headers }));
}

async function* listTexts(
  x: Exchange,
  format: ListFormat,
  entriesOf: (page: readonly ListedChannel[]) => Promise<string>,
): AsyncGenerator<string, undefined> {
  const { epoch, imports, live } = x.config;
  let text = listHead(format) + (await entriesOf(x.config.channels));
  for (const config of imports) {
    for await (const page of listedPages({ env: x.env, epoch, imports, lists: live.lists }, config)) {
      yield text;
      text = await entriesOf(page);
    }
  }
  yield text;
  return undefined;
}

async function entriesFor(
  page: readonly ListedChannel[],
  format: ListFormat,
  reader: ListReader,
): Promise<string> {
  const tokens = await reader.tokensFor?.(page);
  return listEntries(page, tokens ? { ...format, tokenFor: ({ id }) => tokens.get(id) } : format);
}

function filterOf(query: URLSearchParams): (channel: ListedChannel) => boolean {
  const groups = globsOf(query, "group");
  const names = globsOf(query, "name");
  const type = query.get("type");
  if (type !== null && type !== "hls" && type !== "ts")
    throw new CausewayError("bad_request", 'Cannot filter the list: type must be "hls" or "ts"');
  return (channel) =>
    (groups.length === 0 || matchesAny(groups, channel.group)) &&
    (names.length === 0 || matchesAny(names, channel.name || channel.id)) &&
    (type === null || (channel.kind ?? "hls") === type);
}

function globsOf(query: URLSearchParams, name: string): string[] {
  const globs = query.getAll(name);
  const isLegal =
    globs.length <= LIST_LIMITS.QUERY_GLOBS_MAX &&
    globs.every((glob) => glob.length <= LIST_LIMITS.QUERY_GLOB_CHARS_MAX);
  if (isLegal) return globs;
  throw new CausewayError("bad_request", `Cannot filter the list: ${name} stands too often, or is too long`);
}

/** What the list depends on: the configuration, what is imported, and the address that was asked. */
function etagOf({ config, url }: Exchange): string {
  const state = JSON.stringify([config.epoch, config.live.lists.imports, url.origin, url.search]);
  return `W/"${shortName(state)}"`;
}

function listHeaders(x: Exchange, etag: string | undefined): Headers {
  const headers = new Headers({
    "Content-Type": "audio/x-mpegurl; charset=utf-8",
    "Content-Disposition": 'inline; filename="playlist.m3u"',
    "Cache-Control": etag === undefined ? "private, no-cache" : "no-cache",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "X-Request-Id": x.requestId,
  });
  if (etag !== undefined) headers.set("ETag", etag);
  return headers;
}
