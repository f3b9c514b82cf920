// One SOCKS5 client: runs the machine's actions on its socket, from the first byte to the pipe.

import type { Socket } from "node:net";
import { CausewayError } from "../../shared/errors.ts";
import { canonicalIp } from "../../shared/net/address.ts";
import type { Target } from "../outbound/outbound.ts";
import { dismiss, type Place } from "./connections.ts";
import { connectWish, type SessionHost } from "./session.ts";
import { encodeReply, REPLY, replyFor, type Socks5Action, Socks5Machine } from "./socks5.ts";

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
          // From here on an end is the client's half-close, for the pipe to pass on.
          socket.off("end", this.#onEarlyEnd);
          socket.pause();
          void this.#connect({ host: action.host, port: action.port });
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

  async #connect(target: Target): Promise<void> {
    const { socket, address, place, disarm } = this.#client;
    disarm();
    const wish = connectWish("socks", target, address, this.#user);
    try {
      const dialled = await this.#host.dial(target, wish, place.signal);
      if (socket.destroyed) {
        dialled.destroy();
        return;
      }
      const bound = { address: canonicalIp(dialled.localAddress ?? "") ?? "", port: dialled.localPort ?? 0 };
      socket.write(encodeReply(REPLY.SUCCEEDED, bound));
      await this.#host.carry(socket, dialled, { wish, head: this.#machine.rest(), place });
    } catch (error) {
      const code = error instanceof CausewayError ? error.code : "internal";
      socket.end(encodeReply(replyFor(code), undefined));
      dismiss(socket);
    }
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
