// What recovery and congestion control reach together on modelled links: one flow, flows that share, and bad paths.

import { describe, expect, it } from "vitest";
import { Bbr } from "../../../../relay/udpack/congestion/bbr.ts";
import { FixedRate } from "../../../../relay/udpack/congestion/fixed.ts";
import { type Flow, Link, type LinkOptions } from "./link-model.ts";

const MBPS = 1_000_000;
/** What three send quanta of two packets take at the slowest rate here. */
const QUANTA_MS = 6;

/** A queue of one round-trip time, at least 20 ms. */
const queueOf = (rate: number, rttMs: number): number => (rate * Math.max(rttMs, 20)) / 1_000;

/** One bulk flow, measured for `lengthMs` after start-up. */
function bulk(rate: number, rttMs: number, options: Partial<LinkOptions> = {}, lengthMs = 4_000) {
  const link = new Link({ rate, queueBytes: queueOf(rate, rttMs), ...options });
  const flow = link.add({ controller: new Bbr({ now: 0, seed: 7 }), rttMs });
  link.run(Math.max(1_000, rttMs * 16));
  link.measure();
  link.run(link.now + lengthMs);
  return { link, flow, part: flow.goodput / rate };
}

/** Two bulk flows; the part of the smaller one of what both got from `fromMs` to `toMs`. */
function pair(options: {
  rate: number;
  queueBytes: number;
  rttMs: [number, number];
  startMs?: number;
  fromMs: number;
  toMs: number;
  loss?: number;
  seed?: number;
}) {
  const { rate, queueBytes, rttMs, startMs = 0, fromMs, toMs, loss = 0, seed = 1 } = options;
  const link = new Link({ rate, queueBytes, loss, seed });
  const flows = rttMs.map((rtt, i) => {
    const now = i * startMs;
    return link.add({ controller: new Bbr({ now, seed: seed * 100 + i }), rttMs: rtt, startMs: now });
  });
  link.run(fromMs);
  link.measure();
  link.run(toMs);
  const rates = flows.map((flow) => flow.goodput);
  const sum = rates.reduce((a, b) => a + b, 0);
  const overflow = link.overflowed / ((rate * (toMs - fromMs)) / 1_000);
  return { link, share: Math.min(...rates) / sum, part: sum / rate, overflow };
}

describe("one flow fills its bottleneck", () => {
  for (const rate of [1.25 * MBPS, 12.5 * MBPS]) {
    for (const rttMs of [0, 20, 50, 100, 200]) {
      for (const loss of [0, 0.01, 0.05]) {
        it(`${rate / MBPS} MB/s, ${rttMs} ms, ${loss * 100} % loss`, () => {
          const { part, link } = bulk(rate, rttMs, { loss });
          expect(part).toBeGreaterThan(loss > 0.01 ? 0.85 : 0.95);
          expect(link.queueMsMax).toBeLessThan(rttMs + QUANTA_MS + 2);
          expect(link.queueMsMean).toBeLessThan(rttMs / 4 + QUANTA_MS);
        });
      }
    }
  }

  for (const [rttMs, loss] of [
    [0, 0.01],
    [20, 0.05],
    [50, 0.01],
    [100, 0.05],
    [200, 0.01],
  ] as const) {
    it(`125 MB/s, ${rttMs} ms, ${loss * 100} % loss`, () => {
      expect(bulk(125 * MBPS, rttMs, { loss }, 1_000).part).toBeGreaterThan(loss > 0.01 ? 0.8 : 0.9);
    });
  }

  it("of a deep queue without filling it", () => {
    const { part, link } = bulk(12.5 * MBPS, 50, { queueBytes: 12.5 * MBPS });
    expect(part).toBeGreaterThan(0.95);
    expect(link.queueMsMax).toBeLessThan(20);
  });

  it("of a queue of a quarter of what the path holds without overflowing it", () => {
    const { part, link } = bulk(12.5 * MBPS, 50, { queueBytes: queueOf(12.5 * MBPS, 50) / 4, loss: 0.01 });
    expect(part).toBeGreaterThan(0.95);
    expect(link.overflowed).toBeLessThan(0.01 * 4 * 12.5 * MBPS);
  });

  it("with a reader that looks every 5 ms, and timers that fire late", () => {
    expect(bulk(12.5 * MBPS, 50, { batchMs: 5 }).part).toBeGreaterThan(0.95);
    expect(bulk(12.5 * MBPS, 50, { timerMs: 3, batchMs: 1 }).part).toBeGreaterThan(0.95);
    expect(bulk(12.5 * MBPS, 0, { timerMs: 3, batchMs: 1 }).part).toBeGreaterThan(0.9);
  });

  it("that reorders, and soon repeats nothing in vain", () => {
    for (const options of [
      { late: 0.1, lateMs: 5 },
      { late: 0.01, lateMs: 20 },
      { late: 1, lateMs: 20 },
    ]) {
      const { part, flow } = bulk(12.5 * MBPS, 50, options);
      expect(part).toBeGreaterThan(0.95);
      const { packetsLate, packetsSent } = flow.recovery.stats();
      expect(packetsLate / packetsSent).toBeLessThan(0.005);
    }
  });

  it("that loses bursts of 30 ms every second", () => {
    const { part } = bulk(12.5 * MBPS, 50, { isDown: (now) => now > 100 && now % 1_000 < 30 });
    expect(part).toBeGreaterThan(0.9);
  });

  it("that duplicates", () => {
    expect(bulk(12.5 * MBPS, 50, { twice: 0.05 }).part).toBeGreaterThan(0.95);
  });

  it("again within 1.5 s after an outage of 3 s", () => {
    for (const rttMs of [0, 20, 50]) {
      const link = new Link({
        rate: 12.5 * MBPS,
        queueBytes: queueOf(12.5 * MBPS, rttMs),
        isDown: (now) => now > 2_000 && now < 5_000,
      });
      const flow = link.add({ controller: new Bbr({ now: 0, seed: 3 }), rttMs });
      link.run(6_500);
      link.measure();
      link.run(8_500);
      expect(flow.goodput / link.options.rate).toBeGreaterThan(0.95);
      expect(flow.recovery.stats().outages).toBe(1);
    }
  });

  it("at a rate that is given, whatever is lost", () => {
    const link = new Link({ rate: 12.5 * MBPS, queueBytes: queueOf(12.5 * MBPS, 50), loss: 0.2 });
    const flow = link.add({ controller: new FixedRate({ rate: 10 * MBPS }), rttMs: 50 });
    link.run(1_000);
    link.measure();
    link.run(3_000);
    expect(flow.goodput / (10 * MBPS)).toBeGreaterThan(0.78);
    expect(link.queueMsMax).toBeLessThan(2);
  });
});

describe("an application that has little to send", () => {
  const halfRate = (produced: (now: number) => number): { flow: Flow; link: Link } => {
    const link = new Link({ rate: 12.5 * MBPS, queueBytes: queueOf(12.5 * MBPS, 50) });
    const flow = link.add({ controller: new Bbr({ now: 0, seed: 1 }), rttMs: 50, produced });
    return { flow, link };
  };

  it("does not shrink the estimate by sending less", () => {
    const rate = 12.5 * MBPS;
    const { flow, link } = halfRate((now) => (now < 2_000 ? 1e9 : 25e6 + (now - 2_000) * 1_000));
    link.run(2_000);
    const before = flow.recovery.stats().bandwidth;
    expect(before).toBeGreaterThan(0.95 * rate);
    // What was left over from the bulk is sent first.
    link.run(12_000);
    expect(flow.recovery.stats().bandwidth).toBeGreaterThan(0.9 * before);
  });

  it("does not inflate the estimate by bursts", () => {
    const { flow, link } = halfRate((now) => Math.floor(now / 100) * 400_000);
    link.run(1_000);
    link.measure();
    link.run(11_000);
    expect(flow.goodput).toBeGreaterThan(3.9 * MBPS);
    expect(flow.recovery.stats().bandwidth).toBeLessThan(1.1 * link.options.rate);
    expect(link.queueMsMax).toBeLessThan(50);
  });
});

describe("two flows share", () => {
  const rate = 2.5 * MBPS;

  it("within 60/40 of one path, with a queue of less than a round-trip time", () => {
    for (const loss of [0, 0.01]) {
      for (const seed of [1, 2, 3]) {
        const queueBytes = 8 * queueOf(rate, 50);
        const { share, part, link } = pair({
          rate,
          queueBytes,
          rttMs: [50, 50],
          fromMs: 3_000,
          toMs: 9_000,
          loss,
          seed,
        });
        expect(share).toBeGreaterThan(0.4);
        expect(part).toBeGreaterThan(0.95);
        expect(link.queueMsMean).toBeLessThan(25);
        // Two first windows at once, and what each of two flows keeps in the queue.
        expect(link.queueMsMax).toBeLessThan(50 + 2 * QUANTA_MS);
      }
    }
  });

  it("within 60/40 five seconds after the start of the later one", () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      for (const queueBytes of [queueOf(rate, 50), 8 * queueOf(rate, 50)]) {
        const { share } = pair({
          rate,
          queueBytes,
          rttMs: [50, 50],
          startMs: 2_000,
          fromMs: 7_000,
          toMs: 14_000,
          seed,
        });
        expect(share).toBeGreaterThan(0.4);
      }
    }
  });

  it("nearly so when one path is twice as long, and fairly when it is five times as long", () => {
    for (const seed of [1, 2, 3]) {
      const queueBytes = queueOf(rate, 60);
      const { share } = pair({ rate, queueBytes, rttMs: [30, 60], fromMs: 5_000, toMs: 20_000, seed });
      expect(share).toBeGreaterThan(0.35);
    }
    const far = pair({
      rate,
      queueBytes: queueOf(rate, 100),
      rttMs: [20, 100],
      fromMs: 20_000,
      toMs: 40_000,
    });
    expect(far.share).toBeGreaterThan(0.2);
  });

  it("a short queue without losing a tenth", () => {
    const queueBytes = queueOf(rate, 50) / 4;
    const { share, part, overflow } = pair({
      rate,
      queueBytes,
      rttMs: [50, 50],
      fromMs: 3_000,
      toMs: 20_000,
    });
    expect(share).toBeGreaterThan(0.4);
    expect(part).toBeGreaterThan(0.95);
    expect(overflow).toBeLessThan(0.08);
  });

  it("a link without delay, once they have measured it again", () => {
    const { share } = pair({ rate, queueBytes: 100_000, rttMs: [0, 0], fromMs: 6_000, toMs: 12_000 });
    expect(share).toBeGreaterThan(0.4);
  });
});
