// What the machines of both SOCKS versions have in common: the actions they ask for, and how each writes its replies.
// Types only; socks4.ts and socks5.ts are the machines, socks-session.ts runs them.

import type { ErrorCode } from "../../shared/errors.ts";

export type SocksCommand = "connect" | "bind" | "associate";

export type SocksAction =
  | { readonly type: "send"; readonly bytes: Uint8Array }
  /** Check the credentials, then call `signedIn`; feed nothing in between. */
  | { readonly type: "sign_in"; readonly user: string; readonly password: string }
  /** The handshake is over: do it, then reply; `rest()` is the client's first data. */
  | {
      readonly type: "request";
      readonly command: SocksCommand;
      readonly host: string;
      readonly port: number;
    }
  /** The handshake has failed: send what came before, then close. */
  | { readonly type: "fail"; readonly why: string };

/** Fed with a client's bytes in any pieces; it holds what it has not used yet, so feed it nothing once it is over. */
export interface SocksMachine {
  feed(chunk: Buffer): SocksAction[];
  /** Goes on after `sign_in`. */
  signedIn(accepted: boolean): SocksAction[];
  /** Bytes after the handshake: the client's first data for the target. */
  rest(): Buffer;
}

/** An address and a port, as replies name them. */
export interface Endpoint {
  /** Canonical text. */
  readonly address: string;
  readonly port: number;
}

/** The replies of one version. */
export interface SocksDialect {
  /** The only family its replies can name; undefined: both. */
  readonly family: 4 | undefined;
  granted(bound: Endpoint): Buffer;
  failed(code: ErrorCode): Buffer;
}
