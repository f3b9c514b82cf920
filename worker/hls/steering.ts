// What a steering manifest's clone changes in a URI, on its way to the viewer and back: the viewer's player adds it to the
// public address as a sealed query parameter, and here it is made to the origin's URL. See shared/hls/pathway.ts.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { applyReplacement, isPathwayParam, type Replacement } from "../../shared/hls/pathway.ts";
import { filterQuery, queryPairs } from "../../shared/hls/query.ts";
import type { Sealer } from "../../shared/hls/seal.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";
import { channelSealer, type Target } from "./target.ts";

type SealedReplacement = readonly [channel: string, replacement: Replacement];

export function sealReplacement(
  sealer: Sealer,
  channel: ChannelConfig,
  replacement: Replacement,
): Promise<string> {
  const content: SealedReplacement = [channel.id, replacement];
  return sealer.seal("pathway", JSON.stringify(content));
}

/** Whether the asked address may carry a clone's change. */
export function isSteered(x: Exchange): boolean {
  return x.url.search.includes("_pathway.");
}

/**
 * The target that the asked address's pathway stands for; itself where there is none.
 * @throws CausewayError `not_found` for parameters that this channel never gave out
 */
export async function steerTarget(x: Exchange, channel: ChannelConfig, target: Target): Promise<Target> {
  const pairs = queryPairs(x.url.search.slice(1)).filter(({ name }) => isPathwayParam(name));
  if (pairs.length === 0) return target;
  if (pairs.length > HLS_LIMITS.PATHWAYS_MAX) throw new CausewayError("not_found");
  const sealer = await channelSealer(x.env);
  let url: string | undefined = withoutPathways(target.url);
  for (const { value } of pairs) {
    const replacement = await open(sealer, channel, value);
    url = url && applyReplacement(url, replacement);
  }
  if (url === undefined) throw new CausewayError("not_found");
  // Another source has no such pathway, so it may not take over.
  const { track: _, ...rest } = target;
  return { ...rest, url, steered: true };
}

/** Where queries are not hidden the parameter came along in the URL. */
function withoutPathways(url: string): string {
  const mark = url.indexOf("?");
  if (mark < 0) return url;
  const query = filterQuery(url.slice(mark + 1), (name) => !isPathwayParam(name));
  return query === "" ? url.slice(0, mark) : `${url.slice(0, mark)}?${query}`;
}

async function open(sealer: Sealer, channel: ChannelConfig, sealed: string): Promise<Replacement> {
  const fits = sealed.length <= HLS_LIMITS.SEALED_CHARS_MAX;
  const text = fits ? await sealer.open("pathway", sealed) : undefined;
  if (text === undefined) throw new CausewayError("not_found");
  const [channelId, replacement] = JSON.parse(text) as SealedReplacement;
  if (channelId !== channel.id) throw new CausewayError("not_found");
  return replacement;
}
