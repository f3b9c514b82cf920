// The search for the largest datagram, on paths that take some sizes and lose others.

import { describe, expect, it } from "vitest";
import { PathMtu } from "../../../../relay/udpack/path/pmtu.ts";

/** Lets the search go on for `ms`; what the path takes passes. Returns the sizes that were tried. */
function search(
  mtu: PathMtu,
  from: number,
  ms: number,
  takes: (bytes: number, now: number) => boolean,
): number[] {
  const tried: number[] = [];
  let number = from * 1_000;
  for (let now = from; now < from + ms; now += 50) {
    const bytes = mtu.probeBytes(now);
    if (bytes === 0) continue;
    tried.push(bytes);
    mtu.probed(number, bytes);
    expect(mtu.probeBytes(now)).toBe(0);
    if (takes(bytes, now)) mtu.onAcked(number, bytes, now + 25);
    else mtu.onLost(number, bytes, now + 25);
    number += 1;
  }
  return tried;
}

describe("PathMtu", () => {
  it("tries the ceiling first, and is content with it", () => {
    const mtu = new PathMtu(1_472, 0);
    expect(mtu.bytes).toBe(1_200);
    expect(search(mtu, 0, 10_000, () => true)).toEqual([1_472]);
    expect(mtu.bytes).toBe(1_472);
    expect(mtu.deadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it("asks for nothing where 1,200 bytes are the most", () => {
    const mtu = new PathMtu(1_000, 0);
    expect(search(mtu, 0, 100_000, () => true)).toEqual([]);
    expect(mtu.bytes).toBe(1_200);
  });

  it("finds what a tunnel takes to 16 bytes, with three tries of each size that is lost", () => {
    for (const most of [1_210, 1_280, 1_392, 1_420, 1_464]) {
      const mtu = new PathMtu(1_472, 0);
      const tried = search(mtu, 0, 60_000, (bytes) => bytes <= most);
      expect(mtu.bytes).toBeLessThanOrEqual(most);
      expect(mtu.bytes).toBeGreaterThan(most - 16);
      expect(tried.filter((bytes) => bytes === 1_472)).toHaveLength(3);
      expect(tried.length).toBeLessThan(20);
      expect(mtu.deadline()).toBeGreaterThan(500_000);
    }
  });

  it("is not deceived by a probe that was lost by chance", () => {
    const mtu = new PathMtu(1_472, 0);
    let losses = 2;
    search(mtu, 0, 10_000, () => losses-- <= 0);
    expect(mtu.bytes).toBe(1_472);
  });

  it("looks again after ten minutes", () => {
    const mtu = new PathMtu(1_472, 0);
    search(mtu, 0, 60_000, (bytes) => bytes <= 1_400);
    expect(search(mtu, 60_000, 500_000, () => true)).toEqual([]);
    search(mtu, 600_000, 60_000, () => true);
    expect(mtu.bytes).toBe(1_472);
  });

  it("goes back to 1,200 when three large packets in a row are lost, and searches again", () => {
    const mtu = new PathMtu(1_472, 0);
    search(mtu, 0, 1_000, () => true);
    for (const number of [1_000, 1_001, 1_002]) mtu.onLost(number, 1_472, 2_000);
    expect(mtu.bytes).toBe(1_200);
    expect(mtu.probeBytes(11_999)).toBe(0);
    search(mtu, 12_000, 60_000, (bytes) => bytes <= 1_300);
    expect(mtu.bytes).toBeGreaterThan(1_284);
  });

  it("does not take bursts and small packets for a path that shrank", () => {
    const mtu = new PathMtu(1_472, 0);
    search(mtu, 0, 1_000, () => true);
    mtu.onAcked(2_000, 1_472, 1_500);
    for (let number = 1_000; number < 1_100; number++) mtu.onLost(number, 1_472, 1_600);
    for (let number = 3_000; number < 3_100; number++) mtu.onLost(number, 1_200, 1_700);
    for (let number = 4_000; number < 4_100; number += 2) {
      mtu.onLost(number, 1_472, 1_800);
      mtu.onAcked(number + 1, 1_472, 1_800);
    }
    expect(mtu.bytes).toBe(1_472);
  });

  it("is not raised by a large packet from before it went back", () => {
    const mtu = new PathMtu(1_472, 0);
    search(mtu, 0, 1_000, () => true);
    for (const number of [1_000, 1_001, 1_002]) mtu.onLost(number, 1_472, 2_000);
    mtu.onAcked(999, 1_472, 2_100);
    expect(mtu.bytes).toBe(1_200);
  });
});
