// The outbound that reaches targets through an upstream proxy, which is itself reached through another outbound: so chains
// are made. Names go onward as names, and the proxy applies its own policy; addresses are judged here first.

import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { CausewayError } from "../../shared/errors.ts";
import { RELAY_LIMITS } from "../../shared/limits.ts";
import { formatAuthority, formatIp, parseHostLiteral, parseIp } from "../../shared/net/address.ts";
import { type ClientMachine, shakeHands } from "./handshake.ts";
import type { DialOptions, Outbound, Refusal, Target } from "./outbound.ts";

/** Timers count whole milliseconds, and may be early by one. */
const TIMER_EARLY_MS = 1;

export interface ChainedOptions {
  /** Where the proxy listens. */
  readonly server: Target;
  /** Speak TLS with the proxy, verified by its name. */
  readonly tls: boolean;
  /** How the proxy is reached. */
  readonly via: Outbound;
  /** Judges the proxy's own address: the configuration names it, so all but the relay's own listeners. */
  readonly serverRefusal: Refusal;
  /** The handshake for one target; undefined when the protocol cannot name it. */
  readonly machineFor: (target: Target) => ClientMachine | undefined;
  readonly timeoutMs?: number;
}

export class ChainedOutbound implements Outbound {
  readonly #options: ChainedOptions;

  constructor(options: ChainedOptions) {
    this.#options = options;
  }

  async connect(target: Target, options: DialOptions): Promise<Socket> {
    const { timeoutMs = RELAY_LIMITS.CONNECT_TIMEOUT_MS } = this.#options;
    // Addresses that nobody answers for must not each take as long.
    const endsAt = performance.now() + timeoutMs;
    let failure: unknown;
    for (const host of judged(target, options.refusal)) {
      try {
        return await this.#connectTo({ host, port: target.port }, options);
      } catch (error) {
        failure = error;
        // The other addresses of a name do not help where the proxy itself is at fault.
        const isHopeless = error instanceof CausewayError && error.code === "proxy_failed";
        if (isHopeless || options.signal.aborted || endsAt - performance.now() < TIMER_EARLY_MS) break;
      }
    }
    throw failure;
  }

  carriesDatagrams(): boolean {
    return false;
  }

  reach(): Promise<never> {
    return Promise.reject(new CausewayError("not_carried"));
  }

  async #connectTo(target: Target, { signal, user }: DialOptions): Promise<Socket> {
    const { machineFor, timeoutMs = RELAY_LIMITS.CONNECT_TIMEOUT_MS } = this.#options;
    const machine = machineFor(target);
    if (machine === undefined) throw new CausewayError("not_carried");
    const socket = await this.#connectToServer(signal, user);
    return shakeHands(socket, machine, { signal, timeoutMs });
  }

  /** @throws CausewayError `proxy_failed`: nothing that goes wrong here says anything about the target */
  async #connectToServer(signal: AbortSignal, user: string): Promise<Socket> {
    const { server, tls, via, serverRefusal } = this.#options;
    try {
      const socket = await via.connect(server, { refusal: serverRefusal, signal, user });
      return tls ? await encrypted(socket, server.host, signal) : socket;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const where = formatAuthority(server.host, server.port);
      throw new CausewayError("proxy_failed", `Cannot use the upstream proxy ${where}: ${why}`, {
        cause: error,
      });
    }
  }
}

/**
 * What the far end is asked for: the name, or the addresses that passed, in their one spelling.
 * @throws CausewayError `target_refused` when none did, `name_unknown` for what is no name
 */
export function judged({ host, port, addresses }: Target, refusal: Refusal): readonly string[] {
  const literal = parseHostLiteral(host);
  if (literal === "invalid") throw new CausewayError("name_unknown");
  if (addresses === undefined && literal === undefined) {
    // Anything else would be read in as many ways as there are proxies.
    if (!/^[\w.-]{1,253}$/.test(host)) throw new CausewayError("name_unknown");
    return [host];
  }
  const known = addresses?.map(parseIp) ?? [literal];
  let why: string | undefined;
  const passed = known
    .filter((ip) => ip !== undefined)
    .filter((ip) => {
      const refused = refusal(ip, port);
      why ??= refused;
      return refused === undefined;
    });
  if (passed.length > 0) return passed.slice(0, RELAY_LIMITS.ADDRESSES_MAX).map(formatIp);
  throw new CausewayError("target_refused", `Cannot dial "${host}": ${why ?? "it has no address"}`);
}

/** TLS over `socket`, with the certificate verified for `host`. */
function encrypted(socket: Socket, host: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const name = parseHostLiteral(host) === undefined ? { servername: host } : {};
    const secure = connectTls({ socket, host, ...name, ALPNProtocols: ["http/1.1"] });
    const timer = setTimeout(
      () => secure.destroy(new CausewayError("dial_timeout")),
      RELAY_LIMITS.CONNECT_TIMEOUT_MS,
    );
    const onAbort = (): void => void secure.destroy(new CausewayError("dial_failed"));
    const over = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    signal.addEventListener("abort", onAbort);
    secure.once("secureConnect", () => {
      over();
      secure.pause();
      resolve(secure);
    });
    secure.on("error", (error) => {
      over();
      socket.destroy();
      reject(error);
    });
    if (signal.aborted) onAbort();
  });
}
