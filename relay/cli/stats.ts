// `causeway stats`: what is going on, as a live table, a plain one or JSON.

import { setTimeout as delay } from "node:timers/promises";
import { WATCH_STATS_LIMITS } from "../../shared/limits.ts";
import { isLoopbackHost } from "../../shared/net/loopback.ts";
import { readSecrets } from "../serve/secrets.ts";
import { edgeSource } from "../watch/edge-source.ts";
import { frame, type Room } from "../watch/frame.ts";
import { relaySource } from "../watch/relay-source.ts";
import { Screen, type Terminal } from "../watch/screen.ts";
import { SourceError, type StatsSource } from "../watch/source.ts";
import type { StatsView } from "../watch/view.ts";
import { type CommandIo, defineCommand, UsageError } from "./command.ts";
import { ADMIN_TOKEN, adminTokenOf, operatorEnvironment } from "./operator-secrets.ts";
import { EDGE_OPTION, edgeUrl, stateOption } from "./options.ts";

/** The variable of the relay's admin token in the default configuration. */
const RELAY_ADMIN_TOKEN = "RELAY_ADMIN_TOKEN";

export const command = defineCommand({
  name: "stats",
  summary: "Show live what the edge, or a relay, is doing",
  usage: "[options]",
  details: [
    "A table that is drawn again as figures come, until Ctrl-C. Where standard output is no terminal, and with --once or",
    "--json, one table or one JSON document is printed. Of the edge, with all relays that report to it, or with --admin of",
    `one relay by its own admin API. The token is the edge's ADMIN_TOKEN (${ADMIN_TOKEN}), or that of a viewer; of a relay`,
    `its admin_token (${RELAY_ADMIN_TOKEN}). On this machine both are read from the state directory of "causeway start".`,
  ].join("\n"),
  options: {
    edge: EDGE_OPTION,
    admin: {
      type: "string",
      value: "HOST:PORT",
      doc: "Ask the relay whose admin API listens at this loopback address, as in 127.0.0.1:8790.",
    },
    token: {
      type: "string",
      value: "TOKEN",
      env: "CAUSEWAY_TOKEN",
      doc: "The token; better set by the environment, because command lines can be read by others.",
    },
    once: { type: "boolean", doc: "Print one table and end." },
    json: { type: "boolean", doc: "Print one JSON document and end." },
    interval: {
      type: "string",
      value: "SECONDS",
      fallback: "2",
      doc: "Between two looks at a relay, from 1 to 60; an edge sends every 2 s.",
    },
    state: stateOption('State directory of "causeway start".'),
  },
  async run({ options }, io) {
    const source = await sourceFor(options, io);
    const terminal = options.once || options.json ? undefined : io.terminal;
    if (terminal !== undefined) return watch(source, terminal, io.signal);
    const view = await firstOf(source, io.signal);
    if (view === undefined) return 0;
    if (options.json) io.out(JSON.stringify(view));
    else {
      const room = {
        columns: io.terminal?.columns ?? Number.POSITIVE_INFINITY,
        rows: Number.POSITIVE_INFINITY,
      };
      for (const line of frame(view, room)) io.out(line);
    }
    return 0;
  },
});

interface SourceOptions {
  readonly edge: string;
  readonly admin: string | undefined;
  readonly token: string | undefined;
  readonly interval: string;
  readonly state: string;
}

async function sourceFor(options: SourceOptions, io: CommandIo): Promise<StatsSource> {
  const intervalMs = intervalOf(options.interval);
  if (options.admin !== undefined) {
    const url = adminUrl(options.admin);
    const token =
      options.token ?? io.env[RELAY_ADMIN_TOKEN] ?? (await readSecrets(options.state))[RELAY_ADMIN_TOKEN];
    if (!token)
      throw new UsageError(`No token: set ${RELAY_ADMIN_TOKEN}, or name the state directory by --state`);
    return relaySource({ url, token, intervalMs });
  }
  const edge = edgeUrl(options.edge);
  const token = options.token ?? adminTokenOf(await operatorEnvironment(edge, options.state, io.env));
  return edgeSource(edge, token);
}

/** Shows views until the signal aborts; a source that is lost later is asked again, if that may help. */
async function watch(source: StatsSource, terminal: Terminal, signal: AbortSignal): Promise<number> {
  let view: StatsView | undefined;
  let note = "";
  let screen: Screen | undefined;
  const draw = (room: Room): string[] => (view === undefined ? [] : frame(view, room, note));
  try {
    while (!signal.aborted) {
      try {
        for await (const next of source.views(signal)) {
          view = next;
          note = "";
          screen ??= new Screen(terminal, draw);
          screen.refresh();
        }
      } catch (error) {
        if (!(error instanceof SourceError) || error.isLasting || screen === undefined) throw error;
        note = `${error.message}; trying again`;
        screen.refresh();
        await delay(WATCH_STATS_LIMITS.RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    return 0;
  } finally {
    screen?.leave();
  }
}

/** Undefined: the signal has aborted. @throws SourceError */
async function firstOf(source: StatsSource, signal: AbortSignal): Promise<StatsView | undefined> {
  for await (const view of source.views(signal)) return view;
  return undefined;
}

/** @throws {UsageError} when it is no loopback address: the token goes there in plain text */
function adminUrl(text: string): string {
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`);
  if (url !== null && url.protocol === "http:" && isLoopbackHost(url.hostname) && url.pathname === "/")
    return url.origin;
  throw new UsageError(`Cannot use "${text}" for --admin: expected a loopback address, as in 127.0.0.1:8790`);
}

function intervalOf(text: string): number {
  const seconds = /^\d{1,2}(?:\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 1 && seconds <= 60) return seconds * 1_000;
  throw new UsageError(`Cannot read --interval "${text}": expected seconds from 1 to 60`);
}
