// Two relays with the UDP tunnel between them, over real sockets: a client's mixed inbound, and the server's end.

import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { RelayParts } from "../../../relay/relay.ts";
import { parseConfig } from "../../../shared/config/parse.ts";
import type { RelayConfig } from "../../../shared/config/schema.ts";
import { namedPort } from "../../support/named-port.ts";
import { RawClient, type RunningRelay, socksRequest, startRelay } from "../harness.ts";

type Raw = Readonly<Record<string, unknown>>;

interface Keys {
  readonly secret: string;
  readonly public: string;
}

export function newKeys(): Keys {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  const raw = (der: Buffer) => der.subarray(-32).toString("base64url");
  return {
    secret: raw(privateKey.export({ format: "der", type: "pkcs8" })),
    public: raw(publicKey.export({ format: "der", type: "spki" })),
  };
}

/** The [relay] of a file, with its defaults. */
export function relayOf(raw: Raw): RelayConfig {
  const parsed = parseConfig({ relay: raw });
  if (!parsed.ok || parsed.config.relay === undefined) throw new Error(JSON.stringify(parsed));
  return parsed.config.relay;
}

/** A state directory that goes with the test. */
export async function stateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tunnel-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface PairOverrides {
  /** Parts of the server. */
  readonly parts?: RelayParts;
  /** Keys of the server's [relay]. */
  readonly server?: Raw;
  /** Keys of its inbound. */
  readonly inbound?: Raw;
  /** Keys of its one client. */
  readonly known?: Raw;
  /** Keys of the client's [relay], and of its outbound. */
  readonly client?: Raw;
  readonly outbound?: Raw;
}

export interface Pair {
  readonly server: RunningRelay;
  readonly client: RunningRelay;
  /** Another server like the first, on the same port. */
  restart(): Promise<RunningRelay>;
}

export const SERVER_KEYS = newKeys();
export const CLIENT_KEYS = newKeys();

export function serverConfig(
  { server, inbound, known }: PairOverrides,
  state: string,
  port = 0,
): RelayConfig {
  return relayOf({
    name: "far",
    state,
    inbounds: [
      {
        kind: "udpack",
        listen: `127.0.0.1:${port}`,
        key: SERVER_KEYS.secret,
        clients: [{ name: "laptop", public_key: CLIENT_KEYS.public, ...known }],
        ...inbound,
      },
    ],
    drain_timeout: "0s",
    ...server,
  });
}

export async function startPair(overrides: PairOverrides = {}): Promise<Pair> {
  const state = await stateFolder();
  const start = (port: number) =>
    startRelay({ config: serverConfig(overrides, state, port), parts: overrides.parts ?? {} });
  // Not one that is given away again while the server is down.
  const port = await namedPort();
  const server = await start(port);
  const client = await startRelay({ config: clientConfig(port, overrides) });
  return { server, client, restart: () => start(port) };
}

/** A relay whose mixed inbound rides the tunnel. */
export function clientConfig(serverPort: number, overrides: PairOverrides = {}): RelayConfig {
  return relayOf({
    name: "near",
    inbounds: [{ kind: "mixed", listen: "127.0.0.1:0" }],
    outbounds: [
      {
        kind: "udpack",
        name: "tunnel",
        server: `127.0.0.1:${serverPort}`,
        server_key: SERVER_KEYS.public,
        key: CLIENT_KEYS.secret,
        ...overrides.outbound,
      },
    ],
    rules: [{ outbound: "tunnel" }],
    drain_timeout: "0s",
    ...overrides.client,
  });
}

/** The reply code of a SOCKS5 CONNECT. */
export async function replyTo(port: number, host: string, targetPort: number): Promise<number | undefined> {
  const client = await RawClient.open(port);
  client.send([5, 1, 0]);
  await client.take(2);
  client.send(socksRequest(host, targetPort));
  return (await client.take(10))[1];
}
