import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { SharedCount } from "../../../relay/threads/shared-count.ts";

const cells = (threads: number) => new Int32Array(new SharedArrayBuffer(threads * 4));

describe("SharedCount", () => {
  it("gives out as many as there are, whoever asks", () => {
    const shared = cells(3);
    const counts = [0, 1, 2].map((self) => new SharedCount(shared, { at: 0, threads: 3, self }));
    const taken = Array.from({ length: 9 }, (_, index) => counts[index % 3]?.take(5));
    expect(taken.filter(Boolean)).toHaveLength(5);
    expect(counts[0]?.total).toBe(5);
    expect(counts.map((count) => count.others)).toEqual([3, 3, 4]);
    counts[1]?.giveBack();
    expect(counts[0]?.take(5)).toBe(true);
    expect(counts[0]?.take(5)).toBe(false);
  });

  it("takes back all of a thread that is no more, and nothing of the others", () => {
    const shared = cells(2);
    const [one, other] = [0, 1].map((self) => new SharedCount(shared, { at: 0, threads: 2, self }));
    for (let times = 0; times < 4; times++) one?.take(Number.POSITIVE_INFINITY);
    other?.take(Number.POSITIVE_INFINITY);
    one?.clear();
    expect(other?.total).toBe(1);
  });

  it("never gives one too many to threads that ask at once, and leaves none over", async () => {
    const MAX = 50;
    const ROUNDS = 200_000;
    const shared = cells(2);
    const [over, held, ready] = [cells(1), cells(1), cells(1)];
    const module = new URL("../../../relay/threads/shared-count.ts", import.meta.url).href;
    const source = `
      import { workerData } from "node:worker_threads";
      const { SharedCount } = await import(workerData.module);
      const count = new SharedCount(workerData.cells, { at: 0, threads: 2, self: workerData.self });
      const { ready, held, over } = workerData;
      Atomics.add(ready, 0, 1);
      while (Atomics.load(ready, 0) < 2);
      let own = 0;
      for (let round = 0; round < ${ROUNDS}; round++) {
        if (round % 3 < 2) {
          if (!count.take(${MAX})) continue;
          own++;
          if (Atomics.add(held, 0, 1) >= ${MAX}) Atomics.add(over, 0, 1);
        } else if (own > 0) {
          own--;
          Atomics.sub(held, 0, 1);
          count.giveBack();
        }
      }
      Atomics.sub(held, 0, own);
      count.giveBack(own);`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
    const workers = [0, 1].map(
      (self) =>
        new Worker(url, { workerData: { module, cells: shared, over, held, ready, self }, execArgv: [] }),
    );
    await Promise.all(workers.map((worker) => once(worker, "exit")));
    expect([...over, ...held, ...shared]).toEqual([0, 0, 0, 0]);
  });
});
