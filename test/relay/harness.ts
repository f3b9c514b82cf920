// What the relay's tests share: a relay on a free port whose events are kept, small targets, and a client that reads and
// writes plain bytes.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import * as v from "valibot";
import { onTestFinished, vi } from "vitest";
import type { RelayEvent } from "../../relay/events.ts";
import type { Outbound } from "../../relay/outbound/outbound.ts";
import { hashPassword } from "../../relay/password.ts";
import { createRelay, type Relay, type RelayParts } from "../../relay/relay.ts";
import { InboundSchema } from "../../shared/config/inbound-schema.ts";
import type { InboundConfig, RelayConfig } from "../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";

export interface RunningRelay {
  readonly relay: Relay;
  readonly port: number;
  readonly events: RelayEvent[];
  /** Events of one type so far. */
  of<T extends RelayEvent["type"]>(type: T): Extract<RelayEvent, { type: T }>[];
  /** Resolves to the first event of a type. */
  event<T extends RelayEvent["type"]>(type: T): Promise<Extract<RelayEvent, { type: T }>>;
}

export interface RelayOverrides {
  readonly config?: Partial<RelayConfig>;
  /** Keys of the one inbound, as they stand in a file; by default it is a mixed one on loopback. */
  readonly inbound?: Readonly<Record<string, unknown>>;
  readonly parts?: RelayParts;
}

/** An inbound as the configuration has it, with its defaults. */
export function inboundConfig(raw: Readonly<Record<string, unknown>> = {}): InboundConfig {
  return v.parse(InboundSchema, { kind: "mixed", listen: "127.0.0.1:0", ...raw });
}

export function relayConfig(overrides: RelayOverrides = {}): RelayConfig {
  return {
    name: "test",
    idle_timeout: 60_000,
    drain_timeout: 0,
    workers: 1,
    state: join(tmpdir(), "causeway-no-state"),
    deny: [],
    max_connections: 30_000,
    handshake_timeout: 10_000,
    per_client: {},
    remote_ports: [],
    users: [],
    outbounds: [],
    rules: [],
    dns: { servers: [], min_ttl: 5_000, max_ttl: 300_000, family: "ipv6_first" },
    spool: { memory: 256 * 1024, file: 64 * 1024 * 1024, total: 2 ** 31 },
    inbounds: [inboundConfig(overrides.inbound)],
    ...overrides.config,
  };
}

/** A relay that ends with the test. */
export async function startRelay(overrides: RelayOverrides = {}): Promise<RunningRelay> {
  const events: RelayEvent[] = [];
  const deps = { log: pino({ level: "silent" }) };
  const emit = (event: RelayEvent) => void events.push(event);
  const relay = createRelay(relayConfig(overrides), deps, { emit, ...overrides.parts });
  await relay.start();
  onTestFinished(() => relay.stop());
  const of: RunningRelay["of"] = (type) =>
    events.filter((event): event is Extract<RelayEvent, { type: typeof type }> => event.type === type);
  return {
    relay,
    port: relay.inbounds[0]?.port ?? 0,
    events,
    of,
    event: (type) =>
      vi.waitFor(
        () => {
          const [first] = of(type);
          if (first === undefined) throw new Error(`no event ${type} yet: ${JSON.stringify(events)}`);
          return first;
        },
        { timeout: 5_000, interval: 10 },
      ),
  };
}

/** Listens on a free port until the test ends; sockets allow half-open. */
export async function startTarget(onSocket: (socket: Socket) => void, host = "127.0.0.1"): Promise<number> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  return listenForTest(server, host);
}

/** Makes any server listen until the test ends, and ends its sockets then. */
export async function listenForTest(server: Server, host = "127.0.0.1", port = 0): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(port, host);
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A target that sends back what it gets and ends when its client does. */
export function startEcho(host = "127.0.0.1"): Promise<number> {
  return startTarget((socket) => socket.pipe(socket), host);
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** A client of plain bytes: keeps what it receives until it is asked for. */
export class RawClient {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #ended = false;
  error: NodeJS.ErrnoException | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    });
    socket.on("end", () => {
      this.#ended = true;
    });
    socket.on("error", (error) => {
      this.error = error;
    });
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    onTestFinished(() => void socket.destroy());
    const client = new RawClient(socket);
    await once(socket, "connect");
    return client;
  }

  send(data: Uint8Array | string | readonly number[]): this {
    this.socket.write(typeof data === "string" ? data : Uint8Array.from(data));
    return this;
  }

  /** The next `count` bytes; rejects when the connection ends before. */
  async take(count: number): Promise<Buffer> {
    await this.#until(() => this.#bytes.length >= count, `${count} bytes`);
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  /** Everything up to and including `mark`. */
  async takeThrough(mark: string): Promise<string> {
    await this.#until(() => this.#bytes.includes(mark), `"${mark}"`);
    return (await this.take(this.#bytes.indexOf(mark) + mark.length)).toString("latin1");
  }

  /** Everything up to the end of the connection, orderly or not. */
  async rest(): Promise<Buffer> {
    while (!this.#ended && !this.socket.closed) await this.#change();
    return this.#bytes;
  }

  /** Resolves when the connection is gone, to the error that ended it, if any. */
  async closed(): Promise<NodeJS.ErrnoException | undefined> {
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once("close", resolve));
    return this.error;
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    while (!condition()) {
      if (this.#ended || this.socket.closed) {
        throw new Error(`The connection ended before ${what}: ${this.#bytes.toString("hex")}`);
      }
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const events = ["data", "end", "close"] as const;
      const done = (): void => {
        for (const event of events) this.socket.off(event, done);
        resolve();
      };
      for (const event of events) this.socket.on(event, done);
    });
  }
}

const GREETING = [5, 1, 0];

/** A SOCKS5 request: CONNECT by default, to an IPv4 address or a name. */
export function socksRequest(host: string, port: number, command = 1): number[] {
  const octets = /^\d+\.\d+\.\d+\.\d+$/.test(host) ? host.split(".").map(Number) : undefined;
  const name = Buffer.from(host);
  const address = octets === undefined ? [3, name.length, ...name] : [1, ...octets];
  return [5, command, 0, ...address, port >> 8, port & 0xff];
}

/** A client that has connected to a target by SOCKS5 without authentication. */
export async function openSocks(relayPort: number, host: string, port: number): Promise<RawClient> {
  const client = await RawClient.open(relayPort);
  client.send(GREETING);
  await client.take(2);
  client.send(socksRequest(host, port));
  const reply = await client.take(10);
  if (reply[1] !== 0) throw new Error(`reply ${reply[1]}`);
  return client;
}

/** An outbound that fails every wish with `code`. */
export function failingOutbound(code: ErrorCode): Outbound {
  const fail = () => Promise.reject(new CausewayError(code));
  return { connect: fail, reach: fail };
}

/** A relay with the user alice, whose password is "secret". */
export async function startWithUser(
  config: Partial<RelayConfig> = {},
  inbound: Readonly<Record<string, unknown>> = {},
): Promise<RunningRelay> {
  const users = [{ name: "alice", password: await hashPassword("secret") }];
  return startRelay({ config: { users, ...config }, inbound: { auth: "password", ...inbound } });
}

/** Reads one HTTP response with Content-Length off a connection that is kept alive. */
export async function takeResponse(client: RawClient): Promise<{ head: string; body: string }> {
  const head = await client.takeThrough("\r\n\r\n");
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  return { head, body: (await client.take(length)).toString() };
}
