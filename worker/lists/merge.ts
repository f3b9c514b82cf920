// Makes one guide of all: the channels that we list, by our names, then their programmes. The first guide that has a channel
// serves it alone, so that two guides' times never mix. Read and written in portions.

import { GUIDE_END, GUIDE_HEAD, guideChannel } from "../../shared/lists/guide.ts";
import { guideIdOf, type ListedChannel } from "../../shared/lists/listed-channel.ts";
import { xmlToText } from "../../shared/lists/xml-text.ts";
import { type GuideElement, XmltvReader } from "../../shared/lists/xmltv.ts";
import { importedPages } from "./listing.ts";
import type { MergeSource } from "./object.ts";
import { PieceWriter, piecesText } from "./pieces.ts";
import type { GuideState, SourceKey } from "./source-state.ts";
import type { Work } from "./work.ts";

/** Which guide serves a channel, and its picture of it. */
interface Owner {
  readonly key: SourceKey;
  readonly picture: string | null;
}

/** @throws CausewayError `object_unreachable` when pages are gone */
export async function mergeGuides(
  work: Work,
  gen: number,
  guides: readonly MergeSource[],
): Promise<GuideState> {
  const owners = await ownersOf(work, guides);
  const writer = new PieceWriter((n, piece) => work.stage("merged", gen, "piece", n, piece));
  let channels = 0;
  let programmes = 0;
  try {
    await writer.write(GUIDE_HEAD);
    const rest = new Map(owners);
    for await (const channel of listed(work)) {
      const owner = rest.get(guideIdOf(channel));
      // Of several channels with one id the first gives its name.
      if (owner === undefined || !rest.delete(guideIdOf(channel))) continue;
      channels++;
      await writer.write(guideChannel(channel, owner.picture));
    }
    for (const guide of guides) {
      for await (const text of programmesOf(work, guide, owners)) {
        if (writer.isFull) break;
        programmes++;
        await writer.write(text);
      }
    }
    await writer.write(GUIDE_END);
    const { pieces, bytes } = await writer.close();
    return { gen, pieces, bytes, channels, programmes, built_at: Date.now() };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** The first guide that has a channel owns it. */
async function ownersOf(work: Work, guides: readonly MergeSource[]): Promise<Map<string, Owner>> {
  const owners = new Map<string, Owner>();
  for (const { key, gen } of guides) {
    for (let n = 0; ; n++) {
      const page = await work.text(key, gen, "found", n);
      if (page === undefined) break;
      for (const [id, picture] of JSON.parse(page) as [string, string | null][])
        if (!owners.has(id)) owners.set(id, { key, picture });
    }
  }
  return owners;
}

/** Every channel that is listed, in the lists' order. */
async function* listed(work: Work): AsyncGenerator<ListedChannel, void> {
  yield* work.index.channels;
  for (const { name } of work.index.imports) {
    const gen = work.lists[name];
    if (gen === undefined) continue;
    for await (const page of importedPages(name, gen, work.summaries)) yield* page;
  }
}

/** What a guide has of the channels that it owns. */
async function* programmesOf(
  work: Work,
  { key, gen }: MergeSource,
  owners: ReadonlyMap<string, Owner>,
): AsyncGenerator<string, void> {
  const reader = new XmltvReader();
  const isOurs = ({ attributes }: GuideElement) =>
    owners.get(xmlToText(attributes.get("channel") ?? ""))?.key === key;
  for await (const text of piecesText((n) => work.bytes(key, gen, "piece", n)))
    for (const element of reader.push(text)) if (isOurs(element)) yield programme(element);
}

/** As it was stored: its values and contents are safe. */
function programme({ attributes, contents }: GuideElement): string {
  let head = "<programme";
  for (const [name, value] of attributes) head += ` ${name}="${value}"`;
  return `${head}>${contents}</programme>\n`;
}
