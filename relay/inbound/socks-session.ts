// One SOCKS client of any version: runs the machine's actions on its socket, from the first byte to the command.

import type { Socket } from "node:net";
import { canonicalIp } from "../../shared/net/address.ts";
import type { Arrival } from "./acceptor.ts";
import { BindServer, type BindSettings } from "./bind.ts";
import { dismiss } from "./connections.ts";
import type { SessionHost, TunnelAnswers } from "./session.ts";
import type { SocksAction, SocksDialect, SocksMachine } from "./socks-machine.ts";
import { SOCKS4, SOCKS4_VERSION, Socks4Machine } from "./socks4.ts";
import { SOCKS5, SOCKS5_VERSION, Socks5Machine } from "./socks5.ts";
import { AssociationServer, type AssociationSettings } from "./udp-associate.ts";

/** Whether a connection's first byte is a SOCKS version. */
export function startsLikeSocks(byte: number | undefined): boolean {
  return byte === SOCKS4_VERSION || byte === SOCKS5_VERSION;
}

export interface SocksSettings {
  readonly bind: BindSettings;
  readonly associate: AssociationSettings;
}

export class SocksServer {
  readonly host: SessionHost;
  readonly binds: BindServer;
  readonly associations: AssociationServer;

  constructor(host: SessionHost, { bind, associate }: SocksSettings) {
    this.host = host;
    this.binds = new BindServer(host, bind);
    this.associations = new AssociationServer(host, associate);
  }

  /** Serves one client, whose first bytes have been read; the socket belongs to the session from here on. */
  serve(arrival: Arrival, first: Buffer): void {
    new SocksSession(this, arrival, first[0] === SOCKS4_VERSION).begin(first);
  }
}

class SocksSession {
  readonly #server: SocksServer;
  readonly #arrival: Arrival;
  readonly #machine: SocksMachine;
  readonly #dialect: SocksDialect;
  #user = "";

  constructor(server: SocksServer, arrival: Arrival, isVersion4: boolean) {
    const { auth } = server.host.deps;
    this.#server = server;
    this.#arrival = arrival;
    this.#machine = isVersion4 ? new Socks4Machine(auth) : new Socks5Machine(auth);
    this.#dialect = isVersion4 ? SOCKS4 : SOCKS5;
  }

  begin(first: Buffer): void {
    const { socket } = this.#arrival;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEarlyEnd);
    this.#onData(first);
  }

  readonly #onEarlyEnd = (): void => void this.#arrival.socket.destroy();

  readonly #onData = (chunk: Buffer): void => this.#run(this.#machine.feed(chunk));

  #run(actions: readonly SocksAction[]): void {
    const { socket } = this.#arrival;
    for (const action of actions) {
      switch (action.type) {
        case "send":
          socket.write(action.bytes);
          break;
        case "sign_in":
          socket.pause();
          void this.#signIn(action.user, action.password);
          break;
        case "request":
          this.#release();
          this.#serve(action);
          break;
        case "fail":
          this.#fail(action.why);
          break;
      }
    }
  }

  async #signIn(user: string, password: string): Promise<void> {
    const { socket, source } = this.#arrival;
    const accepted = await this.#server.host.signIn(user, password, source.address).then(
      () => true,
      () => false,
    );
    if (socket.destroyed) return;
    if (accepted) this.#user = user;
    socket.resume();
    this.#run(this.#machine.signedIn(accepted));
  }

  #serve({ command, host, port }: Extract<SocksAction, { type: "request" }>): void {
    const { socket, source, place } = this.#arrival;
    const { binds, associations, host: sessions } = this.#server;
    const client = { client: source.address, user: this.#user, place };
    const request = { ...client, target: { host, port }, head: this.#machine.rest() };
    switch (command) {
      case "connect":
        void sessions.tunnel(socket, { ...request, kind: "socks" }, answersOf(this.#dialect));
        break;
      case "bind":
        void binds.serve(socket, request, this.#dialect);
        break;
      case "associate":
        void associations.serve({ ...client, socket }, this.#dialect);
        break;
    }
  }

  #fail(why: string): void {
    const { socket, source } = this.#arrival;
    const { host } = this.#server;
    this.#release();
    host.deps.emit({ type: "handshake_failed", ...host.peer(source.address), why });
    socket.end();
    dismiss(socket);
  }

  /** The handshake is over; whoever serves the command reads the socket now. */
  #release(): void {
    const { socket, disarm } = this.#arrival;
    disarm();
    socket.off("data", this.#onData).off("end", this.#onEarlyEnd);
  }
}

function answersOf(dialect: SocksDialect): TunnelAnswers {
  return {
    opened: ({ localAddress = "", localPort = 0 }: Socket) =>
      dialect.granted({ address: canonicalIp(localAddress) ?? "", port: localPort }),
    failed: (code) => dialect.failed(code),
  };
}
