// What one isolate knows of the configuration and how it comes by it: the version through the Cache API or the object, the
// index and the records by version. A class, so that a test can have several isolates in one.

import type { ChannelSummary } from "../../shared/config/document.ts";
import type {
  ChannelConfig,
  ChannelImportConfig,
  EdgeTokenConfig,
  HostConfig,
  LogSinkConfig,
  RelayLinkConfig,
  SigningKeyConfig,
  ViewerConfig,
} from "../../shared/config/schema.ts";
import { DIRECTORY_LIMITS as LIMITS } from "../../shared/limits.ts";
import { HostSet, RouteTable } from "../../shared/net/routes.ts";
import type { Env } from "../env.ts";
import { confirmChecks, tellChecks } from "../health/follow.ts";
import { confirmLists, tellLists } from "../lists/follow.ts";
import { ImportedChannels } from "../lists/imported-channels.ts";
import { sharedCache } from "./cache.ts";
import { type DirectoryCalls, directoryCalls } from "./calls.ts";
import { type Egress, egressOf } from "./egress.ts";
import { type LiveDocument, LiveState, NOTHING_LIVE } from "./live.ts";
import type { VersionedIndex } from "./object.ts";
import { ConfigPoller, type ConfigSource, type Latest } from "./poller.ts";
import { ChannelRecords, openRecord } from "./records.ts";
import { secretBox } from "./root-key.ts";

/** One version of the configuration, ready for use. The same object as long as the version is current. */
export interface ConfigSnapshot {
  readonly version: number;
  /** Part of cache keys: rises with every push and rollback, also when versions start again at 1. */
  readonly epoch: number;
  /** The version pushed last, where this release cannot read it and serves an older one. */
  readonly unreadable: number | undefined;
  readonly routes: RouteTable<HostConfig>;
  readonly channelHosts: HostSet;
  readonly tokens: readonly EdgeTokenConfig[];
  readonly relays: readonly RelayLinkConfig[];
  readonly channels: readonly ChannelSummary[];
  /** Where requests of hosts with an access log are recorded; header values are sealed. */
  readonly logSinks: readonly LogSinkConfig[];
  /** Keys of signed addresses, sealed: the first signs, all verify. */
  readonly signingKeys: readonly SigningKeyConfig[];
  readonly viewers: readonly ViewerConfig[];
  /** Imported lists; which state of each is current stands in `live`. */
  readonly imports: readonly ChannelImportConfig[];
  /** Whether any guide is configured. */
  readonly hasGuide: boolean;
  /** Purges and upstreams that are down, as of about 5 s ago at most: newer than the version, and another object then. */
  readonly live: LiveState;
  /**
   * The way through a relay's ingress.
   * @throws CausewayError `relay_unreachable` for a relay without one, `secrets_missing` when its key cannot be opened
   */
  egress(relay: string): Egress;
  /**
   * A channel's record with its secrets in the clear; undefined for an unknown id.
   * @throws CausewayError `config_unavailable` when the directory fails and the isolate has no older record
   */
  channel(id: string): Promise<ChannelConfig | undefined>;
}

/** Raise it when the shape of Index or of a record changes: isolates of two releases share one cache for a while. */
const FORMAT = 3;

/** Where background work of a request is put. */
export type Waiter = Pick<ExecutionContext, "waitUntil">;

export class IsolateConfig {
  readonly #poller = new ConfigPoller<ConfigSnapshot>();
  readonly #records = new ChannelRecords();
  readonly #imported = new ImportedChannels();
  #live = new LiveState(NOTHING_LIVE);

  /** What `current` would give, where it need not ask anybody. */
  fresh(): ConfigSnapshot | undefined {
    return this.#poller.fresh();
  }

  /** @throws CausewayError `config_unavailable` when nothing was pushed yet, or the directory fails and nothing is known */
  current(env: Env, ctx: Waiter): Promise<ConfigSnapshot> {
    return this.#poller.current(this.#source(env, ctx), (work) => ctx.waitUntil(work));
  }

  /** Calls to the directory object; a version stored through them is current here at once. */
  directory(env: Env): DirectoryCalls {
    return directoryCalls(env, async (pushed) => {
      await sharedCache(env).remove("version");
      this.#poller.expire();
      if (pushed !== undefined) await Promise.all([tellChecks(env, pushed), tellLists(env, pushed)]);
    });
  }

  #source(env: Env, ctx: Waiter): ConfigSource<ConfigSnapshot> {
    return {
      latest: () => this.#latest(env, ctx),
      load: (latest) => this.#load(env, ctx, latest),
      follow: (latest) => this.#follow(env, ctx, latest),
    };
  }

  async #latest(env: Env, ctx: Waiter): Promise<Latest> {
    const cache = sharedCache(env);
    const cached = (await cache.read("version")) as Latest | undefined;
    if (cached !== undefined && Date.now() - cached.askedAt < LIMITS.REFRESH_AFTER_MS) return cached;
    const askedAt = Date.now();
    const latest = { ...(await this.directory(env).version()), askedAt };
    if (latest.version > 0) ctx.waitUntil(cache.write("version", latest, LIMITS.REFRESH_AFTER_MS / 1_000));
    return latest;
  }

  async #load(env: Env, ctx: Waiter, latest: Latest): Promise<ConfigSnapshot> {
    const cache = sharedCache(env);
    const cached = (await cache.read(indexKey(latest.epoch))) as VersionedIndex | undefined;
    if (cached !== undefined) return this.#snapshotOf(env, cached, ctx);
    const loaded = await this.directory(env).index();
    if (loaded === null) throw new Error("Cannot load the index: the directory is empty");
    // An older version must not outlast the release that could not read the newest.
    if (loaded.unreadable === undefined)
      ctx.waitUntil(cache.write(indexKey(loaded.epoch), loaded, LIMITS.CACHE_TTL_S));
    return this.#snapshotOf(env, loaded, ctx);
  }

  /** What changes without a push: loaded when its number in the version's answer has risen. */
  async #follow(env: Env, ctx: Waiter, { live: seq }: Latest): Promise<void> {
    if (seq <= this.#live.seq) return;
    const cache = sharedCache(env);
    const cached = (await cache.read(liveKey(seq))) as LiveDocument | undefined;
    const document = cached ?? (await this.directory(env).live());
    if (cached === undefined) ctx.waitUntil(cache.write(liveKey(document.seq), document, LIMITS.CACHE_TTL_S));
    if (document.seq > this.#live.seq) this.#live = new LiveState(document);
  }

  async #snapshotOf(
    env: Env,
    { version, epoch, index, unreadable }: VersionedIndex,
    ctx: Waiter,
  ): Promise<ConfigSnapshot> {
    const egress = await egressOf(index.relays, env);
    // A push is told to the checks by whoever pushed; this mends what was lost on the way.
    if (index.hosts.some(({ health }) => health.active !== undefined))
      ctx.waitUntil(confirmChecks(env, epoch));
    const { imports } = index;
    if (imports.length + index.guides.length > 0) ctx.waitUntil(confirmLists(env, epoch));
    const live = () => this.#live;
    const ids = new Set(index.channels.map(({ id }) => id));
    return {
      version,
      epoch,
      unreadable,
      routes: new RouteTable(index.hosts),
      channelHosts: new HostSet(index.channel_hosts),
      tokens: index.tokens,
      relays: index.relays,
      channels: index.channels,
      logSinks: index.access_log,
      signingKeys: index.signing_keys,
      viewers: index.viewers,
      imports,
      hasGuide: index.guides.length > 0 || imports.some(({ epg }) => epg !== undefined),
      get live() {
        return live();
      },
      egress,
      channel: async (id) => {
        // Unknown ids cost nothing: anyone may ask for any.
        if (!ids.has(id)) {
          if (imports.length === 0) return undefined;
          return this.#imported.channel(id, { env, epoch, imports, lists: live().lists });
        }
        return this.#records.get(id, epoch, () => this.#loadRecord(env, id, { version, epoch }));
      },
    };
  }

  async #loadRecord(
    env: Env,
    id: string,
    { version, epoch }: Pick<VersionedIndex, "version" | "epoch">,
  ): Promise<ChannelConfig> {
    const cache = sharedCache(env);
    const key = `${FORMAT}/record/${epoch}/${id}`;
    const cached = (await cache.read(key)) as ChannelConfig | undefined;
    const sealed = cached ?? (await this.directory(env).record(id, version));
    if (sealed === undefined) throw new Error(`Cannot load channel ${id}: the directory does not have it`);
    if (cached === undefined) await cache.write(key, sealed, LIMITS.CACHE_TTL_S);
    return openRecord(sealed, await secretBox(env));
  }
}

function indexKey(epoch: number): string {
  return `${FORMAT}/index/${epoch}`;
}

function liveKey(seq: number): string {
  return `${FORMAT}/live/${seq}`;
}
