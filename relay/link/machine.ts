// The control link as a state machine: events in, actions out. One batch is under way at a time; it is sent again over
// the next link until it is acknowledged. Orders of the edge are answered over the link that they came by, or not at all.
// Knows no socket, no clock, no ledger and no inbound: link.ts runs the actions.

import type { Answer, Order } from "../../shared/control/orders.ts";
import { ERRORS, type ErrorCode } from "../../shared/errors.ts";
import type { EdgeMessage } from "../../shared/flow/link.ts";
import { LINK_CLOSE } from "../../shared/flow/link.ts";
import { FLOW_LIMITS, LINK_LIMITS, ORDER_LIMITS } from "../../shared/limits.ts";

export interface LinkState {
  /** `waiting`: for the next attempt; `connecting`: until the welcome; `stopped` absorbs everything. */
  readonly phase: "waiting" | "connecting" | "up" | "stopped";
  /** Attempts since the last link that carried something: a welcome alone may be all that an overloaded edge manages. */
  readonly attempts: number;
  /** The batch sent over this link and not acknowledged. */
  readonly sent: { readonly seq: number; readonly last: boolean } | undefined;
  readonly stopping: boolean;
  /** A ping is unanswered. */
  readonly pinged: boolean;
  /** Ids of this link's orders that are being carried out. */
  readonly orders: readonly string[];
  /** What listens has changed since the hello. */
  readonly changed: boolean;
}

export type LinkTimer = "retry" | "deadline" | "flush" | "ping" | "stop";

export type LinkEvent =
  | { readonly type: "start" }
  | { readonly type: "opened" }
  | { readonly type: "message"; readonly message: EdgeMessage }
  | { readonly type: "malformed" }
  | { readonly type: "pong" }
  /** The ledger's answer to `flush`: a batch, or nothing to say. */
  | { readonly type: "sealed"; readonly seq: number; readonly last: boolean }
  | { readonly type: "nothing" }
  /** An order was carried out, or refused. */
  | { readonly type: "obeyed"; readonly id: string; readonly answer: Answer }
  /** What listens has changed. */
  | { readonly type: "changed" }
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  | { readonly type: "timer"; readonly timer: LinkTimer }
  /** `unreported`: the ledger still holds something to send. */
  | { readonly type: "stop"; readonly unreported: boolean };

export type LinkAction =
  | { readonly do: "connect" }
  | { readonly do: "send_hello" }
  | { readonly do: "send_ping" }
  /** Seal a batch, send it and answer with `sealed`; or answer with `nothing`. */
  | { readonly do: "flush"; readonly last: boolean }
  /** Before the first batch of a link: the edge may have lost what it knew of open flows. */
  | { readonly do: "refresh" }
  | { readonly do: "acknowledge"; readonly seq: number }
  /** Carry the order out and answer with `obeyed`. */
  | { readonly do: "obey"; readonly id: string; readonly order: Order }
  | { readonly do: "answer"; readonly id: string; readonly answer: Answer }
  /** Tell what listens. */
  | { readonly do: "send_inbounds" }
  /** Drop the socket without waiting; no `closed` follows. */
  | { readonly do: "drop"; readonly code: number; readonly reason: string }
  | { readonly do: "set"; readonly timer: LinkTimer; readonly ms: number }
  | { readonly do: "clear"; readonly timers: readonly LinkTimer[] }
  | { readonly do: "report"; readonly event: LinkReport }
  | { readonly do: "finish" };

/** What an operator is told. */
export type LinkReport =
  | { readonly type: "link_up" }
  | { readonly type: "link_down"; readonly code: number; readonly reason: string; readonly retryMs: number };

export interface LinkStep {
  readonly state: LinkState;
  readonly actions: readonly LinkAction[];
}

export function initialLink(): LinkState {
  return {
    phase: "waiting",
    attempts: 0,
    sent: undefined,
    stopping: false,
    pinged: false,
    orders: [],
    changed: false,
  };
}

/** `random` is in [0, 1): the jitter of the next reconnect, should this event cause one. */
export function stepLink(state: LinkState, event: LinkEvent, random: number): LinkStep {
  if (state.phase === "stopped") return stay(state);
  switch (event.type) {
    case "start":
      return state.phase === "waiting" ? connect(state) : stay(state);
    case "opened":
      if (state.phase !== "connecting") return stay(state);
      return { state: { ...state, changed: false }, actions: [{ do: "send_hello" }] };
    case "message":
      return hear(state, event.message);
    case "obeyed":
      return obeyed(state, event.id, event.answer);
    case "changed":
      if (state.phase === "up") return { state, actions: [{ do: "send_inbounds" }] };
      return { state: { ...state, changed: true }, actions: [] };
    case "malformed":
      return fail(state, 1008, "message_malformed", random);
    case "pong":
      return stay({ ...state, pinged: false, attempts: 0 });
    case "sealed":
      return {
        state: { ...state, sent: { seq: event.seq, last: event.last } },
        actions: [{ do: "set", timer: "deadline", ms: LINK_LIMITS.ACK_TIMEOUT_MS }],
      };
    case "nothing":
      return { state, actions: [{ do: "set", timer: "flush", ms: FLOW_LIMITS.FLUSH_INTERVAL_MS }] };
    case "closed":
      return lose(state, event.code, event.reason, random);
    case "timer":
      return expire(state, event.timer, random);
    case "stop":
      return stop(state, event.unreported);
  }
}

function stay(state: LinkState): LinkStep {
  return { state, actions: [] };
}

function hear(state: LinkState, message: EdgeMessage): LinkStep {
  switch (message.type) {
    case "welcome":
      return welcome(state);
    case "ack":
      return acknowledged(state, message.seq);
    case "order":
      return begin(state, message.id, message.order);
  }
}

function begin(state: LinkState, id: string, order: Order): LinkStep {
  // An id that is under way already would be answered twice.
  if (state.phase !== "up" || state.orders.includes(id)) return stay(state);
  if (state.stopping) return { state, actions: [refused(id, "relay_stopping")] };
  if (state.orders.length >= ORDER_LIMITS.UNDER_WAY_MAX)
    return { state, actions: [refused(id, "too_many_orders")] };
  return { state: { ...state, orders: [...state.orders, id] }, actions: [{ do: "obey", id, order }] };
}

function refused(id: string, code: ErrorCode): LinkAction {
  return { do: "answer", id, answer: { ok: false, error: { code, message: ERRORS[code].text } } };
}

function obeyed(state: LinkState, id: string, answer: Answer): LinkStep {
  // The link that the order came by is gone: its edge has given the answer up.
  if (!state.orders.includes(id)) return stay(state);
  const orders = state.orders.filter((other) => other !== id);
  return { state: { ...state, orders }, actions: [{ do: "answer", id, answer }] };
}

function connect(state: LinkState): LinkStep {
  return {
    state: { ...state, phase: "connecting", attempts: state.attempts + 1, sent: undefined, pinged: false },
    actions: [{ do: "connect" }, { do: "set", timer: "deadline", ms: LINK_LIMITS.CONNECT_TIMEOUT_MS }],
  };
}

function welcome(state: LinkState): LinkStep {
  if (state.phase !== "connecting") return stay(state);
  return {
    state: { ...state, phase: "up", changed: false },
    actions: [
      { do: "clear", timers: ["deadline"] },
      { do: "report", event: { type: "link_up" } },
      ...(state.changed ? [{ do: "send_inbounds" } as const] : []),
      { do: "set", timer: "ping", ms: LINK_LIMITS.PING_INTERVAL_MS },
      { do: "refresh" },
      { do: "flush", last: state.stopping },
    ],
  };
}

function acknowledged(state: LinkState, seq: number): LinkStep {
  // A second acknowledgement of the same batch, or one of a link before: both were heeded already.
  if (state.phase !== "up" || state.sent?.seq !== seq) return stay(state);
  const actions: LinkAction[] = [
    { do: "acknowledge", seq },
    { do: "clear", timers: ["deadline"] },
  ];
  if (state.sent.last) return finish(state, actions);
  if (state.stopping) actions.push({ do: "flush", last: true });
  else actions.push({ do: "set", timer: "flush", ms: FLOW_LIMITS.FLUSH_INTERVAL_MS });
  return { state: { ...state, sent: undefined, attempts: 0 }, actions };
}

function expire(state: LinkState, timer: LinkTimer, random: number): LinkStep {
  switch (timer) {
    case "retry":
      return state.phase === "waiting" ? connect(state) : stay(state);
    case "deadline":
      return fail(state, 4000, state.phase === "up" ? "ack_timeout" : "connect_timeout", random);
    case "flush": {
      const free = state.phase === "up" && state.sent === undefined;
      return free ? { state, actions: [{ do: "flush", last: state.stopping }] } : stay(state);
    }
    case "ping":
      if (state.phase !== "up") return stay(state);
      if (state.pinged) return fail(state, 4000, "ping_timeout", random);
      return {
        state: { ...state, pinged: true },
        actions: [{ do: "send_ping" }, { do: "set", timer: "ping", ms: LINK_LIMITS.PING_INTERVAL_MS }],
      };
    case "stop":
      return finish(state, []);
  }
}

/** Gives the link up from this side. */
function fail(state: LinkState, code: number, reason: string, random: number): LinkStep {
  if (state.phase === "waiting") return stay(state);
  const { state: next, actions } = lose(state, code, reason, random);
  return { state: next, actions: [{ do: "drop", code, reason }, ...actions] };
}

/** The link is gone: the next attempt follows after a random pause, so that a deploy's relays do not return as one. */
function lose(state: LinkState, code: number, reason: string, random: number): LinkStep {
  if (state.phase === "waiting") return stay(state);
  const ceiling = Math.min(LINK_LIMITS.RETRY_MIN_MS * 2 ** state.attempts, LINK_LIMITS.RETRY_MAX_MS);
  // Another relay holds the name: taking it back at once would only make the two of them take turns.
  const replaced = code === LINK_CLOSE.REPLACED;
  const retryMs = Math.round(replaced ? LINK_LIMITS.RETRY_MAX_MS * (1 + random) : ceiling * random);
  return {
    state: { ...state, phase: "waiting", sent: undefined, pinged: false, orders: [] },
    actions: [
      { do: "clear", timers: ["deadline", "flush", "ping"] },
      { do: "report", event: { type: "link_down", code, reason, retryMs } },
      { do: "set", timer: "retry", ms: retryMs },
    ],
  };
}

function stop(state: LinkState, unreported: boolean): LinkStep {
  if (state.stopping) return stay(state);
  const next = { ...state, stopping: true };
  if (state.phase === "waiting" && !unreported) return finish(next, []);
  const deadline: LinkAction = { do: "set", timer: "stop", ms: LINK_LIMITS.STOP_TIMEOUT_MS };
  if (state.phase === "waiting") {
    const { state: connecting, actions } = connect(next);
    return { state: connecting, actions: [deadline, { do: "clear", timers: ["retry"] }, ...actions] };
  }
  if (state.phase === "connecting" || state.sent) return { state: next, actions: [deadline] };
  return {
    state: next,
    actions: [deadline, { do: "clear", timers: ["flush"] }, { do: "flush", last: true }],
  };
}

function finish(state: LinkState, actions: readonly LinkAction[]): LinkStep {
  return {
    state: { ...state, phase: "stopped", sent: undefined, orders: [] },
    actions: [
      ...actions,
      { do: "clear", timers: ["retry", "deadline", "flush", "ping", "stop"] },
      { do: "drop", code: 1000, reason: "" },
      { do: "finish" },
    ],
  };
}
