// Imported channels as one isolate knows them: a table of ids per import, loaded when its generation changes, and records loaded
// one by one. Everything goes through the data centre's cache first; a configuration without imports never comes here.

import type { ChannelConfig, ChannelImportConfig } from "../../shared/config/schema.ts";
import { decodeBase64Url, encodeBase64Url } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import { LIST_LIMITS as LIMITS } from "../../shared/limits.ts";
import { importOf } from "../../shared/lists/channel-ids.ts";
import { IdSet } from "../../shared/lists/id-set.ts";
import type { ListedChannel } from "../../shared/lists/listed-channel.ts";
import { sharedCache } from "../directory/cache.ts";
import type { ListsState } from "../directory/live.ts";
import { ChannelRecords } from "../directory/records.ts";
import { secretBox } from "../directory/root-key.ts";
import type { Env } from "../env.ts";
import { askImports } from "./ask.ts";
import { type ImportedRecord, listedWith, openImported } from "./imported-record.ts";
import { importedPages } from "./listing.ts";

/** Raise it when the shape of a page changes: isolates of two releases share one cache for a while. */
const FORMAT = 1;

/** What a question about imports is asked with. */
export interface ImportsView {
  readonly env: Env;
  /** Of the configuration in service. */
  readonly epoch: number;
  readonly imports: readonly ChannelImportConfig[];
  readonly lists: ListsState;
}

/** One per isolate. */
export class ImportedChannels {
  readonly #tables = new ChannelRecords<IdSet>();
  readonly #records = new ChannelRecords();

  /**
   * An imported channel with its secrets in the clear; undefined for an id that no import has.
   * @throws CausewayError `config_unavailable` when it cannot be loaded and was not known before
   */
  async channel(id: string, view: ImportsView): Promise<ChannelConfig | undefined> {
    const name = importOf(id);
    const config = view.imports.find((entry) => entry.name === name);
    const gen = name === undefined ? undefined : view.lists.imports[name];
    if (config === undefined || gen === undefined) return undefined;
    const table = await this.#tables.get(config.name, gen, () => loadTable(view.env, config.name, gen));
    const found = table.find(id);
    if (found === undefined) return undefined;
    const load = () => loadRecord(view.env, { id, name: config.name, gen, ...found });
    return this.#records.get(`${id} ${found.revision}`, view.epoch, async () =>
      openImported(await load(), config, await secretBox(view.env)),
    );
  }
}

/**
 * What lists show of an import's channels, page by page.
 * @throws CausewayError `object_unreachable`
 */
export async function* listedPages(
  view: ImportsView,
  config: ChannelImportConfig,
): AsyncGenerator<ListedChannel[], void> {
  const gen = view.lists.imports[config.name];
  if (gen === undefined) return;
  const load = (name: string, at: number, n: number) => loadSummaries(view.env, name, at, n);
  for await (const page of importedPages(config.name, gen, load))
    yield page.map((channel) => listedWith(channel, config));
}

async function loadTable(env: Env, name: string, gen: number): Promise<IdSet> {
  const text = await cached(env, `ids/${name}/${gen}`, async () => {
    const bytes = await askImports(() => env.IMPORTS.getByName("root").bytes(`list:${name}`, gen, "ids", 0));
    return bytes === null ? undefined : encodeBase64Url(bytes);
  });
  const bytes = text === undefined ? undefined : decodeBase64Url(text);
  // A newer generation is in service by now, of which this isolate has not heard yet.
  if (bytes === undefined) throw new CausewayError("object_unreachable");
  return IdSet.decode(bytes);
}

interface RecordPlace {
  readonly id: string;
  readonly name: string;
  readonly gen: number;
  readonly place: number;
  readonly revision: number;
}

async function loadRecord(
  env: Env,
  { id, name, gen, place, revision }: RecordPlace,
): Promise<ImportedRecord> {
  const text = await cached(env, `record/${id}/${revision}`, async () => {
    return (await askImports(() => env.IMPORTS.getByName("root").record(name, gen, place, id))) ?? undefined;
  });
  if (text === undefined) throw new CausewayError("object_unreachable");
  return JSON.parse(text) as ImportedRecord;
}

async function loadSummaries(
  env: Env,
  name: string,
  gen: number,
  n: number,
): Promise<ListedChannel[] | undefined> {
  const text = await cached(env, `summary/${name}/${gen}/${n}`, async () => {
    return (
      (await askImports(() => env.IMPORTS.getByName("root").text(`list:${name}`, gen, "summary", n))) ??
      undefined
    );
  });
  return text === undefined ? undefined : (JSON.parse(text) as ListedChannel[]);
}

/** Text that never changes under its key, from the data centre's cache or from `load`. */
async function cached(
  env: Env,
  key: string,
  load: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const cache = sharedCache(env);
  const known = await cache.read(`lists/${FORMAT}/${key}`);
  if (typeof known === "string") return known;
  const text = await load();
  if (text !== undefined) await cache.write(`lists/${FORMAT}/${key}`, text, LIMITS.CACHE_TTL_S);
  return text;
}
