// Recordings: past programmes that are one file of hours and gigabytes. Passed on as the origin sends them, at their viewer's
// pace, with ranges for seeking; nothing is kept, because what two viewers ask for is rarely the same.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { formatByteRange, parseByteRange } from "../../shared/hls/byte-range.ts";
import { isPlaylistType } from "../../shared/hls/media-type.ts";
import { HLS_LIMITS, LIST_LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";
import { boundedStream } from "../hls/body.ts";
import { discard, fetchOrigin, type OriginReply } from "../hls/origin.ts";
import { replyHeaders } from "../hls/reply.ts";
import type { Facts } from "../hls/resource.ts";
import { factsOf } from "../hls/segment-facts.ts";
import { isReadWhole, readWhole } from "../hls/segment-fetch.ts";
import { channelSealer, sourceOf, type Target } from "../hls/target.ts";
import type { Visit } from "../hls/visit.ts";

const PURPOSE = "recording";
/** No file of an origin's is called that, so that only what is sealed for this ends up here. */
const ADDRESS = /^b\/([A-Za-z0-9_-]+)\/~\.recording\.(?:ts|mp4)$/;

type SealedRecording = readonly [channel: string, source: number, url: string];

/** Whether a past programme at `name`, the last part of its path, is a file and no playlist. */
export function isRecording({ kind }: ChannelConfig, name: string): boolean {
  return /\.(?:ts|m2ts|mts|mpegts|mp4)$/i.test(name) || (kind === "ts" && !/\.m3u8?$/i.test(name));
}

/** The path of a recording below its channel. */
export async function recordingPath(
  x: Exchange,
  channel: ChannelConfig,
  { source, url }: Pick<Target, "source" | "url">,
): Promise<string> {
  const content: SealedRecording = [channel.id, source, url];
  const id = await (await channelSealer(x.env)).seal(PURPOSE, JSON.stringify(content));
  return `b/${id}/~.recording.${/\.mp4$/i.test(new URL(url).pathname) ? "mp4" : "ts"}`;
}

/** The recording at the path `rest`; undefined for other paths, and for what this channel never gave out. */
export async function resolveRecording(
  x: Exchange,
  channel: ChannelConfig,
  rest: string,
): Promise<Target | undefined> {
  const id = ADDRESS.exec(rest)?.[1];
  if (id === undefined || id.length > HLS_LIMITS.SEALED_CHARS_MAX) return undefined;
  const text = await (await channelSealer(x.env)).open(PURPOSE, id);
  if (text === undefined) return undefined;
  const [channelId, source, url] = JSON.parse(text) as SealedRecording;
  if (channelId !== channel.id) return undefined;
  sourceOf(channel, source);
  return { url, source, playlist: false, imported: new Map() };
}

/**
 * @throws CausewayError what fetchOrigin throws, `upstream_invalid` for a part that nobody asked for, `not_found` for a
 * playlist, `segment_malformed` for a web page
 */
export async function serveRecording(
  visit: Visit,
  channel: ChannelConfig,
  { url, source }: Target,
): Promise<Response> {
  const { x } = visit;
  const { method, headers: asked } = x.request;
  // Without validators nobody has one that an If-Range could name: such a request is for the whole.
  const wanted = method === "HEAD" || asked.has("if-range") ? undefined : parseByteRange(asked.get("range"));
  const range = wanted && formatByteRange(wanted);
  const origin = { method: method === "HEAD" ? "HEAD" : "GET", url, source, range } as const;
  const { response } = await fetchOrigin(x, channel, origin);
  const facts = await checked(response, factsOf(response, url, Date.now()), range !== undefined);
  const { contentType, contentRange } = facts;
  const isPart = contentRange !== undefined;
  const body = method === "HEAD" ? null : await bodyOf(response, facts, channel.read_timeout);
  const length = body instanceof Uint8Array ? body.byteLength : facts.length;
  const acceptRanges = isPart || response.headers.get("accept-ranges") === "bytes";
  const head = {
    contentType,
    tier: "bypass",
    ageMs: 0,
    freshMs: 0,
    length,
    contentRange,
    acceptRanges,
  } as const;
  const headers = { ...replyHeaders(x, head), "Cache-Control": "no-store" };
  return new Response(visit.send("bypass", body, length), { status: isPart ? 206 : 200, headers });
}

async function checked(response: OriginReply["response"], facts: Facts, isRange: boolean): Promise<Facts> {
  const isOdd = response.status === 206 && (!isRange || facts.contentRange === undefined);
  const isPlaylist = isPlaylistType(response.headers.get("content-type"));
  if (!isOdd && !isPlaylist) return facts;
  await discard(response);
  throw new CausewayError(isOdd ? "upstream_invalid" : "not_found");
}

/** What is short enough to be a page or a playlist is looked at, as a segment is. */
async function bodyOf(
  response: Response,
  { length }: Facts,
  stallMs: number,
): Promise<Uint8Array | ReadableStream<Uint8Array> | null> {
  if (isReadWhole(response, length)) return readWhole(response, length, stallMs);
  const isLong = length !== undefined && length > HLS_LIMITS.SHARED_BODY_BYTES_MAX;
  if (!response.body || isLong) return response.body;
  return boundedStream(response.body, stallMs, LIST_LIMITS.RECORDING_BYTES_MAX);
}
