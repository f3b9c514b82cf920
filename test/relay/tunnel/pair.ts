// Two relays with the UDP tunnel between them, over real sockets: a client's mixed inbound, and the server's end.

import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { parseConfig } from "../../../shared/config/parse.ts";
import type { RelayConfig } from "../../../shared/config/schema.ts";
import { type RunningRelay, startRelay } from "../harness.ts";

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
  const start = (port: number) => startRelay({ config: serverConfig(overrides, state, port) });
  const server = await start(0);
  const { port } = server;
  const client = await startRelay({
    config: relayOf({
      name: "near",
      inbounds: [{ kind: "mixed", listen: "127.0.0.1:0" }],
      outbounds: [
        {
          kind: "udpack",
          name: "tunnel",
          server: `127.0.0.1:${port}`,
          server_key: SERVER_KEYS.public,
          key: CLIENT_KEYS.secret,
          ...overrides.outbound,
        },
      ],
      rules: [{ outbound: "tunnel" }],
      drain_timeout: "0s",
      ...overrides.client,
    }),
  });
  return { server, client, restart: () => start(port) };
}
