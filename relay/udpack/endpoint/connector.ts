// How a client finds its server (docs/UDPACK.md section 9.3): one try after the other, each from a fresh socket to the next
// port and address, and a WebSocket besides where UDP stays silent. The first answer wins.

import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import type { EngineListener, OpenEngine, PacketEngine, Remote } from "../engine/engine.ts";
import type { InitiatorOptions } from "../handshake/initiator.ts";
import { Attempt, type Reached } from "./attempt.ts";
import { type Scheduler, Task } from "./scheduler.ts";
import { portOfAttempt, type ServerAddress } from "./server-address.ts";
import { openWebSocket } from "./websocket-client.ts";

export interface ConnectorOptions {
  readonly scheduler: Scheduler;
  readonly server: ServerAddress;
  /** Where to begin in the range of ports. */
  readonly firstPort: number;
  readonly streams: number;
  readonly handshake: Omit<InitiatorOptions, "parameters" | "replaces">;
  readonly openUdp: OpenEngine;
  /** IP literals of a host name; asked for each try, since a server may move. */
  resolve(host: string): Promise<readonly string[]>;
  /** The carrier belongs to the receiver, which hands over `attempt` to its listener. */
  reached(reached: Reached, attempt: Attempt): void;
}

/** What a search without an answer shows. */
export type Silence =
  /** Nothing at all came back: a firewall, no server, or one that does not know the keys. */
  | { readonly kind: "silent" }
  /** The machine is there and refuses TCP at that port; UDP got no answer. */
  | { readonly kind: "refused" }
  /** A WebSocket is open, and the server does not answer the handshake on it: it does so only to keys that fit. */
  | { readonly kind: "keys" }
  /** Nobody could be asked: the name has no address, or there is no network. */
  | { readonly kind: "network"; readonly error: unknown };

interface Search {
  readonly withWebSocket: boolean;
  readonly replaces: Uint8Array | undefined;
  readonly startedAt: number;
}

const ANY_ADDRESS = { v4: "0.0.0.0", v6: "::" } as const;

export class Connector extends Task {
  readonly #options: ConnectorOptions;
  #search: Search | undefined;
  #attempts: Attempt[] = [];
  #webSocket: Attempt | undefined;
  #webSocketTries = 0;
  #tries = 0;
  /** What became of the last try of this search that did not get as far as asking. */
  #failure: unknown;
  #webSocketFailure: unknown;
  #nextAt = 0;

  constructor(options: ConnectorOptions) {
    super();
    this.#options = options;
  }

  get isSearching(): boolean {
    return this.#search !== undefined;
  }

  /** Why nothing has come of the search so far. */
  get silence(): Silence {
    if (this.#webSocket?.isOpen) return { kind: "keys" };
    const failure = this.#attempts.some((attempt) => attempt.isOpen) ? undefined : this.#failure;
    if (failure !== undefined) return { kind: "network", error: failure };
    return isRefused(this.#webSocketFailure) ? { kind: "refused" } : { kind: "silent" };
  }

  /** Begins, not before `at`. A search that is under way goes on as it is, unless it lacks the WebSocket. */
  start(at: number, withWebSocket: boolean, replaces?: Uint8Array): void {
    if (this.#search?.withWebSocket || (this.#search && !withWebSocket)) return;
    this.#search = { withWebSocket, replaces, startedAt: at };
    this.#failure = undefined;
    this.#webSocketFailure = undefined;
    this.#nextAt = at;
    this.#options.scheduler.at(this, at);
  }

  /** Ends all tries. */
  stop(): void {
    this.#search = undefined;
    for (const attempt of this.#attempts) attempt.close();
    this.#attempts = [];
    this.#webSocket?.close();
    this.#webSocket = undefined;
    this.#options.scheduler.at(this, Number.POSITIVE_INFINITY);
  }

  run(now: number): void {
    const search = this.#search;
    if (!search) return;
    const webSocketAt = search.withWebSocket
      ? search.startedAt + UDPACK_ENDPOINT_LIMITS.UDP_ALONE_MS
      : Number.POSITIVE_INFINITY;
    if (now >= this.#nextAt) {
      this.#nextAt = now + UDPACK_ENDPOINT_LIMITS.ATTEMPT_INTERVAL_MS;
      this.#try(search);
    }
    if (now >= webSocketAt && !this.#webSocket) this.#tryWebSocket(search);
    this.#options.scheduler.at(this, now < webSocketAt ? Math.min(this.#nextAt, webSocketAt) : this.#nextAt);
  }

  #try(search: Search): void {
    const { firstPort, openUdp, resolve, server } = this.#options;
    const index = this.#tries++;
    const place = { address: "", port: 0 };
    const attempt = this.#attempt(search, place, async (listener) => {
      const found = await resolve(server.host);
      place.address = nth(found, index);
      place.port = portOfAttempt(server, { first: firstPort, attempt: index, addresses: found.length });
      const address = place.address.includes(":") ? ANY_ADDRESS.v6 : ANY_ADDRESS.v4;
      return openUdp({ address, port: 0, listener });
    });
    this.#attempts.push(attempt);
    if (this.#attempts.length > UDPACK_ENDPOINT_LIMITS.ATTEMPTS_MAX) this.#attempts.shift()?.close();
  }

  #tryWebSocket(search: Search): void {
    const { firstPort, resolve, server } = this.#options;
    const index = this.#tries;
    // Firewalls that lead a range of UDP ports to one seldom do so for TCP: every other time it is the range's first port.
    const isFirst = this.#webSocketTries++ % 2 === 0;
    const place = { address: "", port: server.portFirst };
    this.#webSocket = this.#attempt(search, place, async (listener) => {
      const found = await resolve(server.host);
      place.address = nth(found, index);
      if (!isFirst)
        place.port = portOfAttempt(server, { first: firstPort, attempt: index, addresses: found.length });
      return openWebSocket(place, listener);
    });
  }

  #attempt(
    search: Search,
    remote: Remote,
    open: (listener: EngineListener) => Promise<PacketEngine>,
  ): Attempt {
    const { handshake, reached, scheduler, streams } = this.#options;
    const attempt: Attempt = new Attempt({
      scheduler,
      remote,
      streams,
      handshake: { ...handshake, replaces: search.replaces },
      open,
      reached: (result) => reached(result, attempt),
      failed: (failed, error) => this.#failed(failed, error),
    });
    void attempt.start();
    return attempt;
  }

  #failed(failed: Attempt, error: unknown): void {
    failed.close();
    this.#attempts = this.#attempts.filter((attempt) => attempt !== failed);
    if (this.#webSocket !== failed) {
      this.#failure = error;
      return;
    }
    // Another WebSocket is opened with the next try.
    this.#webSocket = undefined;
    this.#webSocketFailure = error;
    this.#options.scheduler.at(this, this.#nextAt);
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
}

/** @throws when there is none */
function nth(addresses: readonly string[], index: number): string {
  const address = addresses[index % Math.max(1, addresses.length)];
  if (address === undefined) throw new Error("Cannot find the server: its name has no address");
  return address;
}
