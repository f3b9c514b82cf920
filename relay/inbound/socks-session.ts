// One SOCKS5 client: runs the machine's actions on its socket, from the first byte to the pipe.

import type { Socket } from "node:net";
import { canonicalIp } from "../../shared/net/address.ts";
import type { Target } from "../outbound/outbound.ts";
import { dismiss, type Place } from "./connections.ts";
import type { SessionHost, TunnelAnswers } from "./session.ts";
import { encodeReply, REPLY, replyFor, type Socks5Action, Socks5Machine } from "./socks5.ts";

const ANSWERS: TunnelAnswers = {
  opened: ({ localAddress = "", localPort = 0 }) =>
    encodeReply(REPLY.SUCCEEDED, { address: canonicalIp(localAddress) ?? "", port: localPort }),
  failed: (code) => encodeReply(replyFor(code), undefined),
};

export interface SocksClient {
  readonly socket: Socket;
  /** The client's address, canonical. */
  readonly address: string;
  readonly place: Place;
  /** Bytes that were read to tell the protocol. */
  readonly first: Buffer;
  /** Ends the handshake's deadline. */
  readonly disarm: () => void;
}

/** Serves one client; the socket belongs to the session from here on. */
export function serveSocks(host: SessionHost, client: SocksClient): void {
  new SocksSession(host, client).begin();
}

class SocksSession {
  readonly #host: SessionHost;
  readonly #client: SocksClient;
  readonly #machine: Socks5Machine;
  #user = "";

  constructor(host: SessionHost, client: SocksClient) {
    this.#host = host;
    this.#client = client;
    this.#machine = new Socks5Machine(host.deps.auth);
  }

  begin(): void {
    const { socket, first } = this.#client;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEarlyEnd);
    this.#onData(first);
  }

  readonly #onEarlyEnd = (): void => void this.#client.socket.destroy();

  readonly #onData = (chunk: Buffer): void => this.#run(this.#machine.feed(chunk));

  #run(actions: readonly Socks5Action[]): void {
    const { socket } = this.#client;
    for (const action of actions) {
      switch (action.type) {
        case "send":
          socket.write(action.bytes);
          break;
        case "sign_in":
          socket.pause();
          void this.#signIn(action.user, action.password);
          break;
        case "connect":
          socket.off("data", this.#onData);
          socket.off("end", this.#onEarlyEnd);
          this.#connect({ host: action.host, port: action.port });
          break;
        case "fail":
          this.#fail(action.why);
          break;
      }
    }
  }

  async #signIn(user: string, password: string): Promise<void> {
    const { socket, address } = this.#client;
    const accepted = await this.#host.signIn(user, password, address).then(
      () => true,
      () => false,
    );
    if (socket.destroyed) return;
    if (accepted) this.#user = user;
    socket.resume();
    this.#run(this.#machine.signedIn(accepted));
  }

  #connect(target: Target): void {
    const { socket, address: client, place, disarm } = this.#client;
    disarm();
    const head = this.#machine.rest();
    void this.#host.tunnel(socket, { kind: "socks", target, client, user: this.#user, head, place }, ANSWERS);
  }

  #fail(why: string): void {
    const { socket, address, disarm } = this.#client;
    disarm();
    socket.off("end", this.#onEarlyEnd);
    socket.off("data", this.#onData);
    this.#host.deps.emit({ type: "handshake_failed", ...this.#host.peer(address), why });
    socket.end();
    dismiss(socket);
  }
}
