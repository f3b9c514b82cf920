// The hands of the imports object: an entrypoint of the Worker that fetches, reads and merges for it, in an isolate of its own
// with memory of its own, and that speaks with the directory for it. Called by the object only, through ctx.exports.

import { WorkerEntrypoint } from "cloudflare:workers";
import { CausewayError } from "../../shared/errors.ts";
import { LIST_LIMITS as LIMITS } from "../../shared/limits.ts";
import type { ListedChannel } from "../../shared/lists/listed-channel.ts";
import { HostSet, RouteTable } from "../../shared/net/routes.ts";
import { directory } from "../directory/client.ts";
import { egressOf } from "../directory/egress.ts";
import type { ListsState } from "../directory/live.ts";
import { secretBox } from "../directory/root-key.ts";
import type { Env } from "../env.ts";
import { assertOutside } from "../hls/access/destination.ts";
import { originFetch, outsideFetch } from "../network.ts";
import { mergeGuides } from "./merge.ts";
import type { MergeSource, PlansReply } from "./object.ts";
import { refreshGuide } from "./refresh-guide.ts";
import { refreshList } from "./refresh-list.ts";
import { type GuideState, nameOf, type RefreshOrder, type RefreshOutcome } from "./source-state.ts";
import { plansOf } from "./sources.ts";
import type { PageKey, PageKind } from "./store.ts";
import type { Work } from "./work.ts";

export class ListRunner extends WorkerEntrypoint<Env> {
  /** The sources of the configuration in service; null where its epoch is still `known`. */
  async plans(known: number): Promise<PlansReply | null> {
    const calls = directory(this.env);
    const { epoch } = await calls.version();
    if (epoch === known) return null;
    const current = await calls.index();
    return current === null ? null : { epoch: current.epoch, plans: plansOf(current.index) };
  }

  /** Fetches a source and stores what comes of it. Rejects never: a failure is an outcome. */
  async refresh(order: RefreshOrder, lists: Readonly<Record<string, number>>): Promise<RefreshOutcome> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), LIMITS.REFRESH_TIMEOUT_MS);
    try {
      const work = await this.#work(lists);
      const name = nameOf(order.key);
      const list = work.index.imports.find((entry) => entry.name === name);
      const guide = work.index.guides.find((entry) => entry.name === name);
      if (order.key.startsWith("list:") && list)
        return await refreshList(work, list, order, controller.signal);
      if (order.key.startsWith("epg:") && list?.epg !== undefined)
        return await refreshGuide(work, { config: list, url: list.epg, list }, order, controller.signal);
      if (order.key.startsWith("guide:") && guide)
        return await refreshGuide(work, { config: guide, url: guide.url }, order, controller.signal);
      // A push has taken it away; the object learns of that next.
      return { type: "skipped" };
    } catch (error) {
      if (controller.signal.aborted) return { type: "failed", code: "upstream_timeout" };
      return { type: "failed", code: error instanceof CausewayError ? error.code : "internal" };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Makes one guide of all. */
  async merge(
    gen: number,
    guides: readonly MergeSource[],
    lists: Readonly<Record<string, number>>,
  ): Promise<GuideState> {
    return mergeGuides(await this.#work(lists), gen, guides);
  }

  /** Tells every isolate, through the directory, which state of lists and guide is current. */
  async publish(lists: ListsState): Promise<void> {
    await directory(this.env).listed(lists);
  }

  async #work(lists: Readonly<Record<string, number>>): Promise<Work> {
    const current = await directory(this.env).index();
    if (current === null) throw new CausewayError("config_unavailable");
    const { hosts, channel_hosts } = current.index;
    const own = {
      config: { routes: new RouteTable(hosts), channelHosts: new HostSet(channel_hosts) },
      env: this.env,
    };
    const object = this.env.IMPORTS.getByName("root");
    const text = async (...at: [PageKey, number, PageKind, number]) =>
      (await object.text(...at)) ?? undefined;
    return {
      index: current.index,
      box: await secretBox(this.env),
      lists,
      egress: await egressOf(current.index.relays, this.env),
      inside: originFetch(this.env),
      outside: outsideFetch(this.env),
      assertOutside: (url, relay) => assertOutside(own, url, relay),
      stage: (...page) => object.stage(...page),
      text,
      bytes: async (...at) => (await object.bytes(...at)) ?? undefined,
      summaries: async (name, gen, n) => {
        const page = await text(`list:${name}`, gen, "summary", n);
        return page === undefined ? undefined : (JSON.parse(page) as ListedChannel[]);
      },
    };
  }
}
