// Recovery's books under any sequence of sends, ACKs and waits.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Bbr } from "../../../../relay/udpack/congestion/bbr.ts";
import { Recovery } from "../../../../relay/udpack/recovery/recovery.ts";
import { ackOf } from "./acks.ts";

describe("Recovery under any sequence of events", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("send" as const),
      skip: fc.nat(2),
      elicits: fc.boolean(),
      count: fc.nat(40),
    }),
    fc.record({
      kind: fc.constant("ack" as const),
      steps: fc.array(fc.tuple(fc.nat(6), fc.nat(12)), { minLength: 1, maxLength: 12 }),
      below: fc.nat(30),
      wild: fc.boolean(),
    }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(900) }),
  );

  it("never throws, tells each packet's fate once, and knows what is in flight", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
        const open = new Map<number, number>();
        const sent = new Set<number>();
        const settle = (number: number) => {
          if (!open.delete(number)) throw new Error(`Told twice: ${number}`);
        };
        const events = { acked: settle, lost: settle };
        const controller = new Bbr({ now: 0, seed });
        const recovery = new Recovery<number>({ controller, peerAckDelayMs: 1, now: 0 });
        let now = 0;
        let next = 0;
        for (const event of steps) {
          now += 0.3;
          if (event.kind === "wait") {
            now += event.ms;
            while (recovery.deadline() <= now && recovery.onTimeout(now, events) === 0);
          } else if (event.kind === "send") {
            next += event.skip;
            for (let i = 0; i < event.count; i++) {
              const bytes = 100 + ((next * 37) % 1_100);
              if (event.elicits) open.set(next, bytes);
              sent.add(next);
              recovery.onSent(next, bytes, event.elicits, next, now, i % 3 === 0);
              next += 1;
            }
          } else {
            const ranges: [number, number][] = [];
            let at = next - 1 - event.below;
            for (const [gap, length] of event.steps) {
              if (at - length < 0) break;
              ranges.push([at - length, at]);
              at -= length + gap + 2;
            }
            if (event.wild) ranges.unshift([next, next + 2]);
            const isOurs = ranges.length > 0 && !event.wild;
            const names = ranges.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i));
            const accepted = recovery.onAck(ackOf(ranges), now, events);
            if (!isOurs) expect(accepted).toBe(false);
            else if (names.every((name) => sent.has(name))) expect(accepted).toBe(true);
            // A refused ACK ends the session.
            if (!accepted) return;
          }
          const inFlight = [...open.values()].reduce((sum, bytes) => sum + bytes, 0);
          expect(recovery.bytesInFlight).toBe(inFlight);
          expect(recovery.allowance(now)).toBeGreaterThanOrEqual(0);
          expect(recovery.nextSendAt(now)).toBeGreaterThanOrEqual(now);
          expect(controller.window).toBeGreaterThan(0);
          expect(controller.pacingRate).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });
});
