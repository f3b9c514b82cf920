// What `causeway start` prints once everything runs: what listens where, the login link, three things to try. Pure.

import type { Config } from "../../shared/config/schema.ts";

export interface Listener {
  readonly what: string;
  readonly address: string;
  /** The option or key that moves it. */
  readonly setting: string;
}

export interface Running {
  readonly config: Config;
  readonly edgeUrl: string;
  readonly demoUrl: string | undefined;
  readonly listeners: readonly Listener[];
  /** Address of the first inbound that speaks SOCKS. */
  readonly proxy: string | undefined;
  readonly loginLink: string;
  readonly stateDir: string;
}

/** The lines, without a final line break. */
export function startSummary(running: Running): string {
  const { config, edgeUrl } = running;
  const channels = config.channels.map((channel) => channelLine(channel, edgeUrl));
  return [
    ...table(
      ["WHAT", "LISTENS ON", "SET BY"],
      running.listeners.map(({ what, address, setting }) => [what, address, setting]),
    ),
    "",
    ...listed(
      "Hosts at the edge",
      config.hosts.map((host) => hostUrl(host, edgeUrl)),
    ),
    ...listed("Channels at the edge", channels),
    "",
    "Dashboard, signed in by this link once:",
    `  ${running.loginLink}`,
    "",
    "Try:",
    ...thingsToTry(running).map((line) => `  ${line}`),
    "",
    `Secrets and state are in ${running.stateDir}. Stop with Ctrl-C.`,
  ].join("\n");
}

/** Kinds of inbounds that a SOCKS client can use. */
export const SOCKS_KINDS: readonly string[] = ["mixed", "socks"];

const WHOLE_HOST = "/*";

/** Commands that work as they stand. */
export function thingsToTry({ config, edgeUrl, demoUrl, proxy }: Running): string[] {
  const host = config.hosts.find(({ host, path }) => !host.startsWith("*.") && path === WHOLE_HOST)?.host;
  const channel = config.channels.find(({ kind, access }) => kind === "hls" && access === "public")?.id;
  const socks = config.relay?.inbounds.find(({ kind }) => SOCKS_KINDS.includes(kind));
  const openProxy = socks !== undefined && "auth" in socks && socks.auth === "none" ? proxy : undefined;
  return [
    ...(host === undefined
      ? []
      : [`curl -H 'Host: ${host}' ${edgeUrl}/${demoUrl === undefined ? "" : "headers"}`]),
    ...(openProxy === undefined || demoUrl === undefined
      ? []
      : [`curl -x socks5h://${openProxy} -o /dev/null ${demoUrl}/bytes/100000000`]),
    ...(channel === undefined ? [] : [`curl ${edgeUrl}/proxy/${channel}/stream.m3u8`]),
  ];
}

/** Where a channel plays, or what makes an address for it. */
function channelLine({ id, kind, access }: Config["channels"][number], edgeUrl: string): string {
  if (access === "token") return `${id}, by signed addresses: causeway sign ${id}`;
  return `${edgeUrl}/proxy/${id}/${kind === "ts" ? "stream.ts" : "stream.m3u8"}`;
}

/** Names that lead to this machine are shown as URLs, others as names; with their paths unless those are everything. */
function hostUrl({ host, path }: Config["hosts"][number], edgeUrl: string): string {
  const start = path.replace(/\*$/, "");
  if (!host.endsWith(".localhost") || host.startsWith("*.")) return path === WHOLE_HOST ? host : host + start;
  const url = new URL(start, edgeUrl);
  url.hostname = host;
  return url.href;
}

const LISTED_MAX = 10;

function listed(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const more = items.length - LISTED_MAX;
  const lines = [`${title}:`, ...items.slice(0, LISTED_MAX).map((item) => `  ${item}`)];
  return more > 0 ? [...lines, `  and ${more} more`] : lines;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd(),
  );
}
