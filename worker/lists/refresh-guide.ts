// One refresh of a guide: fetched, read element by element, and what our lists need of it stored compressed. However large the
// guide is, nothing but a few portions of it is in memory.

import type { ChannelImportConfig, GuideConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { LIST_LIMITS as LIMITS } from "../../shared/limits.ts";
import { GuideSelection, WantedChannels } from "../../shared/lists/guide.ts";
import { providerSecrets } from "../../shared/lists/provider-secrets.ts";
import { XmltvReader } from "../../shared/lists/xmltv.ts";
import { hash32 } from "../../shared/net/hash.ts";
import { download, validatorsOf } from "./download.ts";
import { incomingText } from "./incoming-text.ts";
import { importedPages } from "./listing.ts";
import { PieceWriter } from "./pieces.ts";
import { pagesOf } from "./refresh-list.ts";
import type { RefreshOrder, RefreshOutcome } from "./source-state.ts";
import { providerOf } from "./sources.ts";
import type { Work } from "./work.ts";

const NO_VALIDATORS = { etag: "", modified: "" };

export interface GuideSource {
  readonly config: Pick<ChannelImportConfig | GuideConfig, "headers" | "via">;
  /** Sealed. */
  readonly url: string;
  /** The import that it belongs to: it serves only that one's channels, whose ids may mean others elsewhere. */
  readonly list?: ChannelImportConfig;
}

/** @throws CausewayError what {@link download} and reading throw, `guide_malformed`, `guide_empty` */
export async function refreshGuide(
  work: Work,
  source: GuideSource,
  order: RefreshOrder,
  signal: AbortSignal,
): Promise<RefreshOutcome> {
  const wanted = await wantedOf(work, source.list);
  const fingerprint = fingerprintOf(wanted);
  const isSame = fingerprint === order.fingerprint;
  if (isSame && !order.due) return { type: "skipped" };
  const provider = await providerOf(source.config, source.url, work.box);
  const response = await download(work, provider, isSame ? order : NO_VALIDATORS, signal);
  if (response === "unchanged") return { type: "same" };
  const now = Date.now();
  const window = { from: now - LIMITS.PAST_MS, to: now + LIMITS.FUTURE_MS };
  const selection = new GuideSelection(wanted, window, providerSecrets(provider.url));
  const bytes = await select(work, order, selection, { response, signal });
  // A provider in trouble sends an empty guide; viewers keep what they had.
  if (selection.programmes === 0) throw new CausewayError("guide_empty");
  for (const [n, page] of pagesOf(selection.found(), LIMITS.SUMMARIES_PER_ROW).entries())
    await work.stage(order.key, order.gen, "found", n, JSON.stringify(page));
  const { programmes: count, malformed } = selection;
  const made = { count, malformed, skipped: {}, bytes, fingerprint, ...validatorsOf(response) };
  return { type: "new", made };
}

async function select(
  work: Work,
  { key, gen }: RefreshOrder,
  selection: GuideSelection,
  { response, signal }: { response: Response; signal: AbortSignal },
): Promise<number> {
  const reader = new XmltvReader();
  const reading = { bytes: 0 };
  const writer = new PieceWriter((n, piece) => work.stage(key, gen, "piece", n, piece));
  try {
    const options = { bytesMax: LIMITS.GUIDE_BYTES_MAX, reading, signal };
    for await (const text of incomingText(response.body, options)) {
      for (const element of reader.push(text)) {
        const chosen = selection.take(element);
        if (chosen !== "") await writer.write(chosen);
      }
      if (writer.isFull) throw new CausewayError("list_too_large");
    }
    for (const element of reader.end()) await writer.write(selection.take(element));
    if (!reader.isGuide) throw new CausewayError("guide_malformed");
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return reading.bytes;
}

/** The channels that a guide is chosen for. */
async function wantedOf(work: Work, list: ChannelImportConfig | undefined): Promise<WantedChannels> {
  const wanted = new WantedChannels();
  let room: number = LIMITS.GUIDE_CHANNELS_MAX;
  if (list === undefined) for (const channel of work.index.channels) if (room-- > 0) wanted.add(channel);
  for (const { name } of list === undefined ? work.index.imports : [list]) {
    const gen = work.lists[name];
    if (gen === undefined) continue;
    for await (const page of importedPages(name, gen, work.summaries))
      for (const channel of page) if (room-- > 0) wanted.add(channel, list?.tvg_prefix);
  }
  return wanted;
}

function fingerprintOf(wanted: WantedChannels): string {
  let first = 0;
  let second = 1;
  for (const key of wanted.keys()) {
    first = hash32(key, first);
    second = hash32(key, second);
  }
  return `${first}-${second}`;
}
