// Playlists of channels with several sources: from the source in use, in the viewers' numbers. A source that fails is
// reported, and the next one answers the same request; while all fail the last good playlist is served for as long as it
// may be. Never a lower sequence number than this isolate has shown, never an ENDLIST that no origin wrote.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import { entryOf, type Numbering } from "../../shared/hls/renumber.ts";
import { HLS_LIMITS, FAILOVER_LIMITS as LIMITS } from "../../shared/limits.ts";
import { ByteLru } from "../cache/byte-lru.ts";
import { within } from "../cache/deadline.ts";
import type { Exchange } from "../exchange.ts";
import { shiftDirectives, withoutDirectives, withoutSkip } from "./directives.ts";
import { isFault, isSilence, ViewersFault } from "./faults.ts";
import { currentState, type SourceState, tell, tellFailed } from "./object/state.ts";
import { withQuery } from "./pins.ts";
import type { LoadedPlaylist } from "./playlist-store.ts";
import { refused } from "./refusals.ts";
import { isYounger } from "./resource.ts";
import {
  blocksIn,
  keep,
  type LoadedTrack,
  show,
  type Tracked,
  trackName,
  usable,
  wasMedia,
} from "./shown.ts";
import { alikeAt, hasMoved, isOffered, load, noteMoved, offerOf, placeNow } from "./source-place.ts";
import { streamTarget, type Target } from "./target.ts";
import { tryPreferred } from "./trial.ts";

/** Playlists that no source gives: asked for again a moment later only, however many ask meanwhile. */
const resting = new ByteLru<{ readonly code: ErrorCode; readonly since: number }>(LIMITS.RESTING_BYTES);

/** @throws CausewayError what loadPlaylist throws, once no source gives anything and nothing usable is kept */
export async function loadTrack(x: Exchange, channel: ChannelConfig, target: Tracked): Promise<LoadedTrack> {
  const key = trackName(x, channel, target);
  const rest = resting.get(key);
  if (rest && isYounger(rest.since, HLS_LIMITS.RETRY_AFTER_FAILURE_MS, Date.now()))
    return lastGood(x, channel, target, refused(rest.code));
  let state = await currentState(x, channel);
  tryPreferred(x, channel, target);
  const until = Date.now() + LIMITS.REQUEST_MS;
  let failure: CausewayError | undefined;
  for (let turn = 0; turn <= channel.sources.length && Date.now() < until; turn++) {
    const { generation } = state;
    const result = await attempt(x, channel, target, state);
    if (result === "late") break;
    if ("stored" in result) return result;
    if (result.code === "switched") {
      state = await tell(x, channel, "renew", {});
      continue;
    }
    failure = result.error;
    if (result.code === "object_unreachable") break;
    state = await tellFailed(x, channel, generation);
    if (state.generation === generation) break;
  }
  failure ??= new CausewayError("upstream_timeout");
  // The channel is there, its sources are not: players give a 404 up for good.
  if (failure.code === "not_found")
    failure = new CausewayError("origin_status", undefined, { cause: failure });
  resting.set(key, { code: failure.code, since: Date.now() }, 0);
  return lastGood(x, channel, target, failure);
}

function lastGood(x: Exchange, channel: ChannelConfig, target: Tracked, failure: CausewayError): LoadedTrack {
  const kept = usable(x, channel, target);
  if (kept) return { ...kept, tier: "stale" };
  throw failure;
}

type Attempt =
  | LoadedTrack
  | { readonly code: "switched" }
  | { readonly code: ErrorCode; readonly error: CausewayError }
  | "late";

/**
 * One source's turn. With something usable at hand a viewer does not wait long; the fetch goes on and what becomes of it is
 * reported.
 */
async function attempt(
  x: Exchange,
  channel: ChannelConfig,
  target: Tracked,
  state: SourceState,
): Promise<Attempt> {
  const work = loadFrom(x, channel, target, state).then(
    (loaded): Attempt => loaded ?? { code: "switched" },
    (error): Attempt => {
      if (isFault(error)) return { code: error.code, error };
      throw error;
    },
  );
  // A blocking reload takes its time by design.
  if (target.track.query.includes("_HLS_msn") || !usable(x, channel, target)) return work;
  const first = await within(work, HLS_LIMITS.STALE_PATIENCE_MS, () => "late" as const);
  if (first === "late")
    x.ctx.waitUntil(
      work.then(
        (late) => reportLate(x, channel, state, late),
        () => {},
      ),
    );
  return first;
}

async function reportLate(
  x: Exchange,
  channel: ChannelConfig,
  { generation }: SourceState,
  late: Attempt,
): Promise<void> {
  if (late !== "late" && "error" in late && late.code !== "object_unreachable")
    await tellFailed(x, channel, generation);
}

/**
 * The track from the source that `state` names; undefined when that is no longer the one in use.
 * @throws CausewayError when the source fails
 */
async function loadFrom(
  x: Exchange,
  channel: ChannelConfig,
  target: Tracked,
  state: SourceState,
): Promise<LoadedTrack | undefined> {
  const { query } = target.track;
  const known = state.numberings.get(target.track.key);
  const asked = state.generation === 0 ? withoutSkip(query) : shiftDirectives(query, known);
  const turn = { state, query: asked, triedUrl: "" };
  const since = Date.now();
  try {
    return await loadAsked(x, channel, target, turn);
  } catch (error) {
    if (!isFault(error)) throw error;
    const { source } = state;
    const tried = { source, url: turn.triedUrl };
    // A machine that does not answer would not answer another question sooner either.
    if (asked === "" && isSilence(error) && isOffered(x, channel, target, tried)) throw error;
    // What a viewer asks for, or an address from long ago, must not make a source look bad: it fails when what it offers
    // now fails without that, too.
    const place = await placeNow(x, channel, target, { source, since });
    if (place.url === turn.triedUrl) throw error;
    if (asked === "") noteMoved(turn.triedUrl);
    const loaded = await load(x, channel, place, state);
    const plain = await numbered(x, channel, target, { loaded, state });
    if (withoutDirectives(query) !== "") throw new ViewersFault(error.code);
    return plain;
  }
}

/** A source's turn for one request. */
interface Turn {
  readonly state: SourceState;
  /** What the viewer's player added, as the source understands it. */
  readonly query: string;
  /** What was asked for last. */
  triedUrl: string;
}

async function loadAsked(
  x: Exchange,
  channel: ChannelConfig,
  target: Tracked,
  turn: Turn,
): Promise<LoadedTrack | undefined> {
  const { state, query } = turn;
  const { source } = state;
  const { rendition, plainUrl } = target.track;
  let place: Target;
  if (rendition === undefined) place = streamTarget(channel, source, query);
  else if (source === target.source && !hasMoved(plainUrl))
    place = { ...target, url: withQuery(plainUrl, query) };
  else place = await alikeAt(x, channel, target, { source, query });
  turn.triedUrl = place.url;
  let loaded = await load(x, channel, place, state);
  // Who has been playing a media playlist cannot be given a multivariant one.
  const wantsMedia = rendition !== undefined || wasMedia(x, channel, target);
  if (wantsMedia && loaded.stored.playlist.kind === "master") {
    place = offerOf(loaded.stored, target, { source, query });
    turn.triedUrl = place.url;
    loaded = await load(x, channel, place, state);
  }
  return numbered(x, channel, target, { loaded, state });
}

interface Loaded {
  readonly loaded: LoadedPlaylist;
  readonly state: SourceState;
}

/** Gives the playlist its numbers and remembers what is shown. */
async function numbered(
  x: Exchange,
  channel: ChannelConfig,
  target: Tracked,
  { loaded, state }: Loaded,
): Promise<LoadedTrack | undefined> {
  const { playlist } = loaded.stored;
  const { generation } = state;
  if (playlist.kind === "master" || (playlist.ended && generation === 0))
    return keep(x, channel, target, loaded);
  const blocks = blocksIn(loaded.stored);
  const { key } = target.track;
  let numbering: Numbering | undefined;
  if (generation > 0) {
    numbering = state.numberings.get(key);
    if (!numbering) {
      if (blocks.blocks.length === 0) throw new CausewayError("playlist_malformed");
      const enter = { track: key, generation, entry: entryOf(blocks) };
      const entered = await tell(x, channel, `enter ${generation} ${key}`, { enter });
      if (entered.generation !== generation) return undefined;
      numbering = entered.numberings.get(key);
      // The object cannot be reached: whatever is shown now could be taken back later.
      if (!numbering) throw new CausewayError("object_unreachable");
    }
  }
  return show(x, channel, target, { loaded: { ...loaded, numbering }, blocks, generation });
}
