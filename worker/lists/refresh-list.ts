// One refresh of an imported list: fetched, read line by line, made into channels by the import's rules, sealed, and stored in
// pages. Nothing of a list that cannot be read whole is used.

import type { ChannelImportConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { LIST_LIMITS as LIMITS } from "../../shared/limits.ts";
import { byIdHash, encodeIds } from "../../shared/lists/id-set.ts";
import {
  ChannelImporter,
  type ImportedChannel,
  type SkipReason,
} from "../../shared/lists/imported-channel.ts";
import { type ListEntry, ListReader } from "../../shared/lists/m3u.ts";
import { hash32, shortName } from "../../shared/net/hash.ts";
import { download, validatorsOf } from "./download.ts";
import type { ImportedRecord } from "./imported-record.ts";
import { incomingText } from "./incoming-text.ts";
import type { RefreshOrder, RefreshOutcome } from "./source-state.ts";
import { providerOf } from "./sources.ts";
import type { Work } from "./work.ts";

/** Records are sealed so many at a time: each is a hand-over to the runtime's cryptography. */
const SEALED_AT_ONCE = 64;

/** @throws CausewayError what {@link download} and reading throw, `list_malformed`, `list_empty` */
export async function refreshList(
  work: Work,
  config: ChannelImportConfig,
  order: RefreshOrder,
  signal: AbortSignal,
): Promise<RefreshOutcome> {
  const provider = await providerOf(config, config.url, work.box);
  const response = await download(work, provider, order, signal);
  if (response === "unchanged") return { type: "same" };
  const epg = config.epg === undefined ? [] : [(await providerOf(config, config.epg, work.box)).url];
  const list = await readList(response, new ChannelImporter(config, [provider.url, ...epg]), signal);
  const records = await sealed(list.channels, work);
  const fingerprint = shortName(records.map(({ id, revision }) => `${id} ${revision}`).join("\n"));
  if (fingerprint === order.fingerprint) return { type: "same" };
  await store(work, order, list.channels, records);
  const { skipped, bytes } = list;
  const made = {
    count: records.length,
    skipped,
    malformed: 0,
    bytes,
    fingerprint,
    ...validatorsOf(response),
  };
  return { type: "new", made };
}

interface ReadList {
  readonly channels: readonly ImportedChannel[];
  readonly skipped: Partial<Record<SkipReason, number>>;
  readonly bytes: number;
}

async function readList(
  { body }: Response,
  importer: ChannelImporter,
  signal: AbortSignal,
): Promise<ReadList> {
  const reader = new ListReader();
  const reading = { bytes: 0 };
  const channels: ImportedChannel[] = [];
  const skipped: Partial<Record<SkipReason, number>> = {};
  const take = (entry: ListEntry) => {
    const channel = channels.length < LIMITS.CHANNELS_MAX ? importer.next(entry) : "limit";
    if (typeof channel === "string") skipped[channel] = (skipped[channel] ?? 0) + 1;
    else channels.push(channel);
  };
  for await (const text of incomingText(body, { bytesMax: LIMITS.LIST_BYTES_MAX, reading, signal }))
    for (const entry of reader.push(text)) take(entry);
  for (const entry of reader.end()) take(entry);
  if (!reader.isList) throw new CausewayError("list_malformed");
  // A provider in trouble sends an empty list; viewers keep what they had.
  if (channels.length === 0) throw new CausewayError("list_empty");
  return { channels, skipped, bytes: reading.bytes };
}

interface SealedChannel {
  readonly id: string;
  readonly revision: number;
  readonly record: ImportedRecord;
}

/** In the list's order. Equal origins seal to equal texts, so what has not changed keeps its revision. */
async function sealed(channels: readonly ImportedChannel[], { box }: Work): Promise<SealedChannel[]> {
  const records: SealedChannel[] = [];
  for (let at = 0; at < channels.length; at += SEALED_AT_ONCE) {
    const batch = channels.slice(at, at + SEALED_AT_ONCE).map(async ({ listed, kind, catchup, origin }) => {
      const record = {
        listed,
        kind,
        catchup: catchup ?? null,
        origin: await box.seal(JSON.stringify(origin)),
      };
      return { id: listed.id, revision: hash32(JSON.stringify(record)), record };
    });
    records.push(...(await Promise.all(batch)));
  }
  return records;
}

async function store(
  work: Work,
  { key, gen }: RefreshOrder,
  channels: readonly ImportedChannel[],
  records: readonly SealedChannel[],
): Promise<void> {
  for (const [n, page] of pagesOf(channels, LIMITS.SUMMARIES_PER_ROW).entries())
    await work.stage(key, gen, "summary", n, JSON.stringify(page.map(({ listed }) => listed)));
  const sorted = [...records].sort(byIdHash);
  for (const [n, page] of pagesOf(sorted, LIMITS.RECORDS_PER_ROW).entries()) {
    const table = Object.fromEntries(page.map(({ id, record }) => [id, record]));
    await work.stage(key, gen, "record", n, JSON.stringify(table));
  }
  await work.stage(key, gen, "ids", 0, encodeIds(sorted));
}

/** `items` in portions of `size`. */
export function pagesOf<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, n) => items.slice(n * size, (n + 1) * size));
}
