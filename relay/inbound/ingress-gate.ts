// Who gets through the ingress: requests whose signature holds, once each. What it lets pass is where the edge wants to go.
// It sees heads only and answers nothing.

import type { IncomingMessage } from "node:http";
import { CausewayError } from "../../shared/errors.ts";
import { type ReplayVerdict, ReplayWindow } from "../../shared/ingress/replay.ts";
import { INGRESS_FIELDS, importIngressKey, verifyTarget } from "../../shared/ingress/signature.ts";
import { type IngressTarget, parseIngressTarget } from "../../shared/ingress/target.ts";
import { INGRESS_LIMITS } from "../../shared/limits.ts";
import { canonicalIp } from "../../shared/net/address.ts";
import type { RelayEvent } from "../events.ts";
import type { TakeSignature } from "./inbound.ts";
import type { SessionHost, Wish } from "./session.ts";

/** A request that was let through. */
export interface IngressRequest {
  readonly target: IngressTarget;
  readonly wish: Wish;
}

/** By secret, so that what one listener accepted works at no other one and at none that takes its place. */
const windows = new Map<string, ReplayWindow>();

/** Begins to remember what is signed with `secret`, unless that is remembered already. */
export function windowOf(secret: string): Pick<ReplayWindow, "take"> {
  const window = windows.get(secret) ?? new ReplayWindow({ startedAtMs: Date.now() });
  windows.delete(secret);
  windows.set(secret, window);
  const [oldest] = windows.keys();
  if (windows.size > INGRESS_LIMITS.WINDOWS_MAX && oldest !== undefined) windows.delete(oldest);
  return window;
}

/** Takes a signature that another thread has found to hold. */
export function takeSignature(...[secret, { at, nonce }]: Parameters<TakeSignature>): ReplayVerdict {
  const now = Date.now();
  // On its way here it may have outlived its memory: then it must not pass for a new one.
  if (at < now / 1_000 - INGRESS_LIMITS.CLOCK_SKEW_S) return "replayed";
  return windowOf(secret).take(at, nonce, now);
}

type Take = (at: number, nonce: string, now: number) => ReplayVerdict | Promise<ReplayVerdict>;
type Why = Extract<RelayEvent, { type: "signature_refused" }>["why"];

export class IngressGate {
  readonly #host: SessionHost;
  readonly #key: CryptoKey;
  readonly #take: Take;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(host: SessionHost, key: CryptoKey, take: Take) {
    this.#host = host;
    this.#key = key;
    this.#take = take;
  }

  static async create(host: SessionHost, secret: string): Promise<IngressGate> {
    const elsewhere = host.deps.takeSignature;
    const window = elsewhere === undefined ? windowOf(secret) : undefined;
    const take: Take = (at, nonce, now) =>
      window?.take(at, nonce, now) ?? elsewhere?.(secret, { at, nonce }) ?? "full";
    return new IngressGate(host, await importIngressKey(secret), take);
  }

  /**
   * Judges a request of `peer`.
   * @throws CausewayError `signature_refused`; `proxy_full` when more requests come than can be told from replays;
   *   `bad_request` for a target that is none
   */
  async admit({ method = "", headers }: IncomingMessage, peer: string): Promise<IngressRequest> {
    const shown = { method, target: textOf(headers, "TARGET"), signature: textOf(headers, "SIGNATURE") };
    const now = Date.now();
    const check = await verifyTarget(this.#key, shown, now);
    if (!check.ok) throw this.#refuse(peer, check.fault);
    const verdict = await this.#take(check.at, check.nonce, now);
    if (verdict === "replayed") throw this.#refuse(peer, "replayed");
    if (verdict === "full") throw new CausewayError("proxy_full");
    const target = parseIngressTarget(shown.target);
    if (target === undefined) throw new CausewayError("bad_request");
    // What is signed comes from the edge, and so it is believed about its client.
    const client = canonicalIp(String(headers["x-forwarded-for"] ?? "")) ?? peer;
    return { target, wish: { kind: "proxy", client, user: "", label: target.label } };
  }

  #refuse(peer: string, why: Why): CausewayError {
    const now = performance.now();
    if (now - this.#reportedAt >= INGRESS_LIMITS.REPORT_INTERVAL_MS) {
      this.#reportedAt = now;
      this.#host.deps.emit({ type: "signature_refused", ...this.#host.peer(peer), why });
    }
    return new CausewayError("signature_refused");
  }
}

function textOf(headers: IncomingMessage["headers"], field: keyof typeof INGRESS_FIELDS): string {
  const value = headers[INGRESS_FIELDS[field]];
  return typeof value === "string" ? value : "";
}
