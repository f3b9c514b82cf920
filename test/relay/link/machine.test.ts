import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  initialLink,
  type LinkAction,
  type LinkEvent,
  type LinkState,
  stepLink,
} from "../../../relay/link/machine.ts";
import { LINK_LIMITS, ORDER_LIMITS } from "../../../shared/limits.ts";

const WELCOME: LinkEvent = { type: "message", message: { type: "welcome" } };
const ack = (seq: number): LinkEvent => ({ type: "message", message: { type: "ack", seq } });
const sealed = (seq: number, last = false): LinkEvent => ({ type: "sealed", seq, last });
const timer = (name: Extract<LinkEvent, { type: "timer" }>["timer"]): LinkEvent => ({
  type: "timer",
  timer: name,
});

const ANSWER = { ok: true, report: {} } as const;
const order = (id: string): LinkEvent => ({
  type: "message",
  message: { type: "order", id, order: { do: "status" } },
});
const obeyed = (id: string): LinkEvent => ({ type: "obeyed", id, answer: ANSWER });

/** The state after `events`, and the actions of the last one. */
function reach(...events: LinkEvent[]): { state: LinkState; actions: readonly LinkAction[] } {
  let step: { state: LinkState; actions: readonly LinkAction[] } = { state: initialLink(), actions: [] };
  for (const event of events) step = stepLink(step.state, event, 0.5);
  return step;
}

const UP: LinkEvent[] = [{ type: "start" }, { type: "opened" }, WELCOME];
const CLOSED: LinkEvent = { type: "closed", code: 1006, reason: "" };

function does(actions: readonly LinkAction[]): string[] {
  return actions.map((action) => action.do);
}

describe("stepLink", () => {
  it("says hello first and reports only after the welcome", () => {
    expect(reach({ type: "start" }).actions).toContainEqual({ do: "connect" });
    expect(does(reach({ type: "start" }, { type: "opened" }).actions)).toEqual(["send_hello"]);
    expect(reach(...UP).actions).toContainEqual({ do: "flush", last: false });
  });

  it("sends the next batch a second after an acknowledgement, not before it", () => {
    expect(reach(...UP, sealed(1), timer("flush")).actions).toEqual([]);
    const { actions } = reach(...UP, sealed(1), ack(1));
    expect(actions).toContainEqual({ do: "acknowledge", seq: 1 });
    expect(actions).toContainEqual({ do: "set", timer: "flush", ms: 1_000 });
  });

  it("heeds no acknowledgement twice, and none of another batch", () => {
    expect(reach(...UP, sealed(2), ack(1)).actions).toEqual([]);
    expect(reach(...UP, sealed(1), ack(1), ack(1)).actions).toEqual([]);
  });

  it("gives up a link that does not acknowledge, and flushes again over the next one", () => {
    const { state, actions } = reach(...UP, sealed(1), timer("deadline"));
    expect(actions).toContainEqual({ do: "drop", code: 4000, reason: "ack_timeout" });
    expect(state).toMatchObject({ phase: "waiting", sent: undefined });
    const again = reach(...UP, sealed(1), CLOSED, timer("retry"), { type: "opened" }, WELCOME);
    expect(again.actions).toContainEqual({ do: "flush", last: false });
  });

  it("gives up a link whose ping is not answered by the next one", () => {
    expect(does(reach(...UP, timer("ping")).actions)).toContain("send_ping");
    expect(does(reach(...UP, timer("ping"), { type: "pong" }, timer("ping")).actions)).toContain("send_ping");
    expect(does(reach(...UP, timer("ping"), timer("ping")).actions)).toContain("drop");
  });

  it("waits up to a ceiling that doubles to the bound, and begins anew once a link has carried something", () => {
    let step = reach({ type: "start" });
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      step = stepLink(step.state, CLOSED, 1);
      const wait = step.actions.find((action) => action.do === "set" && action.timer === "retry");
      waits.push(wait?.do === "set" ? wait.ms : Number.NaN);
      step = stepLink(step.state, timer("retry"), 1);
    }
    expect(waits.slice(0, 3)).toEqual([1, 2, 4].map((n) => n * 2 * LINK_LIMITS.RETRY_MIN_MS));
    expect(Math.max(...waits)).toBe(LINK_LIMITS.RETRY_MAX_MS);
    // An overloaded edge may manage a welcome and no more: its relays have to go on drawing back.
    expect(reach(...UP, sealed(1), CLOSED, timer("retry")).state.attempts).toBe(2);
    expect(reach(...UP, sealed(1), ack(1)).state.attempts).toBe(0);
    expect(reach(...UP, timer("ping"), { type: "pong" }).state.attempts).toBe(0);
  });

  it("stays away for long when another link of the same name took over", () => {
    const { actions } = reach(...UP, { type: "closed", code: 4001, reason: "link_replaced" });
    const wait = actions.find((action) => action.do === "set");
    expect(wait).toMatchObject({ timer: "retry", ms: 1.5 * LINK_LIMITS.RETRY_MAX_MS });
  });

  it("drops a link whose edge says something else", () => {
    const { actions } = reach(...UP, { type: "malformed" });
    expect(actions).toContainEqual({ do: "drop", code: 1008, reason: "message_malformed" });
  });

  it("stops by a last batch and its acknowledgement", () => {
    const stop: LinkEvent = { type: "stop", unreported: true };
    expect(reach(...UP, stop).actions).toContainEqual({ do: "flush", last: true });
    const busy = reach(...UP, sealed(1), stop, ack(1));
    expect(busy.actions).toContainEqual({ do: "flush", last: true });
    const done = reach(...UP, stop, sealed(1, true), ack(1));
    expect(does(done.actions)).toEqual(["acknowledge", "clear", "clear", "drop", "finish"]);
  });

  it("connects at once to report when stopped between two attempts, but not for nothing", () => {
    const waiting = [{ type: "start" } as const, CLOSED];
    expect(does(reach(...waiting, { type: "stop", unreported: true }).actions)).toContain("connect");
    expect(does(reach(...waiting, { type: "stop", unreported: false }).actions)).toContain("finish");
  });

  it("finishes at the stop deadline whatever state it is in", () => {
    for (const events of [[], UP, [...UP, sealed(1)], [...UP, CLOSED]]) {
      const { state, actions } = reach(...events, { type: "stop", unreported: true }, timer("stop"));
      expect(state.phase).toBe("stopped");
      expect(does(actions)).toContain("finish");
    }
  });

  it("carries an order out and answers it over the same link", () => {
    expect(reach(...UP, order("1")).actions).toEqual([{ do: "obey", id: "1", order: { do: "status" } }]);
    const { state, actions } = reach(...UP, order("1"), obeyed("1"));
    expect(actions).toEqual([{ do: "answer", id: "1", answer: ANSWER }]);
    expect(state.orders).toEqual([]);
  });

  it("answers no order twice, and none over another link than it came by", () => {
    expect(reach(...UP, order("1"), order("1")).actions).toEqual([]);
    expect(reach(...UP, order("1"), obeyed("1"), obeyed("1")).actions).toEqual([]);
    const next: LinkEvent[] = [CLOSED, timer("retry"), { type: "opened" }, WELCOME];
    expect(reach(...UP, order("1"), ...next, obeyed("1")).actions).toEqual([]);
    expect(reach({ type: "start" }, { type: "opened" }, order("1")).actions).toEqual([]);
  });

  it("refuses orders beyond the bound, and all of them while it stops", () => {
    const many = Array.from({ length: ORDER_LIMITS.UNDER_WAY_MAX }, (_, index) => order(`${index}`));
    const refused = (code: string) => [
      expect.objectContaining({
        do: "answer",
        answer: { ok: false, error: expect.objectContaining({ code }) },
      }),
    ];
    expect(reach(...UP, ...many, order("more")).actions).toEqual(refused("too_many_orders"));
    const stopping: LinkEvent = { type: "stop", unreported: true };
    expect(reach(...UP, stopping, order("1")).actions).toEqual(refused("relay_stopping"));
  });

  it("tells what listens when that changes, and at the welcome what has changed since the hello", () => {
    expect(does(reach(...UP, { type: "changed" }).actions)).toEqual(["send_inbounds"]);
    expect(does(reach({ type: "changed" }, ...UP).actions)).not.toContain("send_inbounds");
    const meanwhile = reach({ type: "start" }, { type: "opened" }, { type: "changed" }, WELCOME);
    expect(does(meanwhile.actions)).toContain("send_inbounds");
  });

  it("never has two batches under way and absorbs everything once stopped", () => {
    const events = fc.constantFrom<LinkEvent>(
      ...UP,
      CLOSED,
      ack(1),
      { type: "pong" },
      { type: "malformed" },
      { type: "stop", unreported: true },
      { type: "changed" },
      order("1"),
      order("2"),
      obeyed("1"),
      timer("retry"),
      timer("deadline"),
      timer("flush"),
      timer("ping"),
      timer("stop"),
    );
    fc.assert(
      fc.property(fc.array(events, { maxLength: 60 }), (list) => {
        let state = initialLink();
        for (const event of list) {
          const before = state;
          const step = stepLink(state, event, 0.5);
          state = step.state;
          if (before.phase === "stopped") expect(step.actions).toEqual([]);
          for (const action of step.actions) {
            if (action.do !== "flush") continue;
            expect(state).toMatchObject({ phase: "up", sent: undefined });
            state = stepLink(state, sealed(1, action.last), 0.5).state;
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
