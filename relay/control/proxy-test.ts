// One GET on the way that an inbound's clients take, by its rules and under its policy, and how long each phase took. It is
// counted like a client's request, and tells nothing of the reply but its status, size and the address it names.

import { type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { TestOrder, TestReport } from "../../shared/control/orders.ts";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { Flow } from "../../shared/flow/flow.ts";
import { ORDER_LIMITS } from "../../shared/limits.ts";
import { canonicalIp, formatAuthority } from "../../shared/net/address.ts";
import type { InboundDeps } from "../inbound/inbound.ts";
import { type DialOptions, dialErrorCode, type Target } from "../outbound/outbound.ts";
import { seenAddress } from "./seen-address.ts";

export interface TestedInbound {
  readonly inbound: string;
  readonly deps: Pick<InboundDeps, "service" | "outbound" | "refusal" | "ledger">;
}

/** Resolves to what happened, failures too. Never rejects. */
export function testUrl(order: TestOrder, tested: TestedInbound): Promise<TestReport> {
  return new ProxyTest(order, tested).run();
}

type Timing = { -readonly [K in keyof TestReport["timing_ms"]]: TestReport["timing_ms"][K] };

interface Findings {
  status?: number;
  target?: string;
  exit_address?: string;
  exit_seen_by?: "target" | "relay";
  bytes: number;
}

class ProxyTest {
  readonly #url: URL;
  readonly #tested: TestedInbound;
  readonly #options: DialOptions;
  readonly #over = new AbortController();
  readonly #timing: Timing = { total: 0 };
  readonly #found: Findings = { bytes: 0 };
  #flow: Flow | undefined;
  #isConnected = false;

  constructor({ url, user }: TestOrder, tested: TestedInbound) {
    this.#url = new URL(url);
    this.#tested = tested;
    this.#options = { refusal: tested.deps.refusal, signal: this.#over.signal, user };
  }

  async run(): Promise<TestReport> {
    const startedAt = performance.now();
    const deadline = setTimeout(() => this.#over.abort(), ORDER_LIMITS.TEST_TIMEOUT_MS);
    let error: TestReport["error"];
    try {
      await this.#ask(await this.#connect());
    } catch (cause) {
      error = this.#failure(cause);
    } finally {
      clearTimeout(deadline);
      // Whatever was left open: nobody reads on.
      this.#over.abort();
    }
    this.#timing.total = performance.now() - startedAt;
    this.#count(error?.code);
    const { origin, pathname } = this.#url;
    return {
      ok: error === undefined,
      url: origin + pathname,
      inbound: this.#tested.inbound,
      ...this.#found,
      timing_ms: rounded(this.#timing),
      ...(error && { error }),
    };
  }

  async #connect(): Promise<Socket> {
    const { outbound } = this.#tested.deps;
    const { hostname, port, protocol } = this.#url;
    const secure = protocol === "https:";
    const host = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
    const target = { host, port: Number(port || (secure ? 443 : 80)) };
    const addresses = await this.#resolve(target);
    const socket = await this.#timed("connect", () =>
      outbound.connect({ ...target, addresses }, this.#options),
    );
    this.#isConnected = true;
    this.#over.signal.addEventListener("abort", () => socket.destroy());
    socket.on("error", () => undefined);
    this.#note(socket, addresses ?? [canonicalIp(host) ?? ""]);
    return secure ? this.#timed("tls", () => encrypted(socket, host)) : socket;
  }

  /** Where this machine itself resolves the name, how long that takes; a proxy on the way gets the name as it is. */
  async #resolve(target: Target): Promise<readonly string[] | undefined> {
    if (canonicalIp(target.host) !== undefined) return undefined;
    try {
      return await this.#timed("dns", () => this.#tested.deps.outbound.reach(target, this.#options));
    } catch (error) {
      if (!(error instanceof CausewayError) || error.code !== "not_carried") throw error;
      delete this.#timing.dns;
      return undefined;
    }
  }

  #note(socket: Socket, dialled: readonly string[]): void {
    const remote = canonicalIp(socket.remoteAddress ?? "");
    const local = canonicalIp(socket.localAddress ?? "");
    // Behind a proxy the far end is the proxy, and what the target sees is the proxy's to know.
    if (remote === undefined || !dialled.includes(remote)) return;
    this.#found.target = formatAuthority(remote, socket.remotePort ?? 0);
    if (local !== undefined) Object.assign(this.#found, { exit_address: local, exit_seen_by: "relay" });
  }

  async #ask(socket: Socket): Promise<void> {
    const { service, ledger } = this.#tested.deps;
    const { origin, host, pathname, search, protocol } = this.#url;
    const kind = protocol === "https:" ? "connect" : "proxy";
    const target = origin + pathname;
    const init = { kind, service, client: "127.0.0.1", target, user: this.#options.user } as const;
    this.#flow = ledger.open({ ...init, startedAt: Date.now() });
    this.#flow.onCut = () => this.#over.abort();
    const reply = await this.#timed("first_byte", () =>
      this.#reply(socket, { path: pathname + search, host }),
    );
    this.#found.status = reply.statusCode ?? 0;
    await this.#read(reply);
  }

  #reply(socket: Socket, { path, host }: { path: string; host: string }): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = request({
        createConnection: () => socket,
        path,
        setHost: false,
        headers: { Host: host, "User-Agent": "causeway", Accept: "*/*", Connection: "close" },
        signal: this.#over.signal,
      });
      // A dialled socket comes paused, and the parser does not resume what it did not pause.
      outgoing.once("socket", (used) => void used.resume());
      outgoing.once("response", resolve);
      outgoing.on("error", reject);
      outgoing.end();
    });
  }

  async #read(reply: IncomingMessage): Promise<void> {
    const beginning: Buffer[] = [];
    let kept = 0;
    for await (const chunk of reply as AsyncIterable<Buffer>) {
      this.#found.bytes += chunk.length;
      if (this.#flow) this.#flow.down += chunk.length;
      if (kept < ORDER_LIMITS.TEST_SEEN_BYTES_MAX) beginning.push(chunk);
      kept += chunk.length;
      if (this.#found.bytes >= ORDER_LIMITS.TEST_BODY_BYTES_MAX) break;
    }
    const seen = seenAddress(Buffer.concat(beginning).toString("utf8"));
    if (seen !== undefined) Object.assign(this.#found, { exit_address: seen, exit_seen_by: "target" });
  }

  async #timed<T>(phase: Exclude<keyof Timing, "total">, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const result = await work();
    this.#timing[phase] = performance.now() - startedAt;
    return result;
  }

  #failure(cause: unknown): { code: ErrorCode; message: string } {
    if (this.#flow?.cut) return described("connection_closed");
    if (this.#over.signal.aborted) return described(this.#isConnected ? "upstream_timeout" : "dial_timeout");
    if (cause instanceof CausewayError) return { code: cause.code, message: cause.message };
    const code = dialErrorCode(cause);
    if (code !== "dial_failed" || !this.#isConnected) return described(code);
    const name = cause instanceof Error && "code" in cause ? String(cause.code) : "no reply came";
    return { code: "upstream_invalid", message: `The target's answer cannot be used: ${name}` };
  }

  #count(code: ErrorCode | undefined): void {
    const { service, ledger } = this.#tested.deps;
    if (this.#flow) ledger.close(this.#flow, code === undefined ? "done" : "failed", Date.now());
    else ledger.refuse(service, this.#url.protocol === "https:" ? "connect" : "proxy", code);
  }
}

function described(code: ErrorCode): { code: ErrorCode; message: string } {
  return { code, message: new CausewayError(code).message };
}

/** TLS as a browser would do it: the certificate has to be valid for the name. */
function encrypted(socket: Socket, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const servername = canonicalIp(host) === undefined ? { servername: host } : {};
    const secured = connectTls({ socket, host, ...servername, ALPNProtocols: ["http/1.1"] });
    secured.once("secureConnect", () => resolve(secured));
    secured.on("error", reject);
    socket.once("close", () => reject(new CausewayError("upstream_invalid")));
  });
}

function rounded(timing: Timing): Timing {
  const entries = Object.entries(timing).map(([phase, ms = 0]) => [phase, Math.round(ms * 100) / 100]);
  return Object.fromEntries(entries) as Timing;
}
