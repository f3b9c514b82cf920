// The endpoint's clock: turns, times, and one timer for all. Time stands still but for what a test lets pass: how busy the
// machine is must not matter.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Scheduler, Task } from "../../../../relay/udpack/endpoint/scheduler.ts";

/** What the clock of these tests lets a turn of the event loop take, which is what tasks run at the end of. */
const TURN_MS = 1;

class Noted extends Task {
  readonly ran: number[] = [];
  readonly #name: number;
  readonly #order: number[];

  constructor(name = 0, order: number[] = []) {
    super();
    this.#name = name;
    this.#order = order;
  }

  run(now: number): void {
    this.ran.push(now);
    this.#order.push(this.#name);
  }
}

describe("Scheduler", () => {
  let scheduler: Scheduler;
  let begin: number;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] });
    scheduler = new Scheduler();
    begin = scheduler.now();
  });

  afterEach(() => {
    scheduler.close();
    vi.useRealTimers();
  });

  it("runs a task once at the end of a turn, however often it was asked for", () => {
    const task = new Noted();
    for (let i = 0; i < 5; i++) scheduler.soon(task);
    expect(task.ran).toHaveLength(0);
    vi.advanceTimersByTime(1);
    expect(task.ran).toEqual([begin]);
  });

  it("runs tasks at their times, in order, whatever the order of asking", () => {
    const order: number[] = [];
    const delays = [40, 5, 25, 60, 15, 50, 10, 30];
    for (const delay of delays) scheduler.at(new Noted(delay, order), begin + delay);
    vi.advanceTimersByTime(29 + TURN_MS);
    expect(order).toEqual([5, 10, 15, 25]);
    vi.advanceTimersByTime(30 + TURN_MS);
    expect(order).toEqual([...delays].sort((a, b) => a - b));
  });

  it("runs none before its time, with one timer for all", () => {
    const tasks = [3, 9, 27].map((delay) => new Noted(delay));
    for (const [index, task] of tasks.entries()) scheduler.at(task, begin + 3 ** (index + 1));
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(100);
    expect(tasks.map(({ ran }) => ran)).toEqual([3, 9, 27].map((at) => [begin + at + TURN_MS]));
    expect(vi.getTimerCount()).toBe(0);
  });

  it("runs what is late in the order of its time when the machine was busy", () => {
    const order: number[] = [];
    for (const delay of [40, 5, 25]) scheduler.at(new Noted(delay, order), begin + delay);
    vi.setSystemTime(Date.now() + 500);
    vi.advanceTimersByTime(500);
    expect(order).toEqual([5, 25, 40]);
  });

  it("moves a task to another time, and drops one that is not wanted any more", () => {
    const [moved, dropped, last] = [new Noted(), new Noted(), new Noted()];
    scheduler.at(moved, begin + 5_000);
    scheduler.at(dropped, begin + 5);
    scheduler.at(last, begin + 40);
    scheduler.at(moved, begin + 20);
    scheduler.at(dropped, Number.POSITIVE_INFINITY);
    vi.advanceTimersByTime(6_000);
    expect([moved.ran, dropped.ran, last.ran]).toEqual([[begin + 20 + TURN_MS], [], [begin + 40 + TURN_MS]]);
  });

  it("keeps thousands of tasks in order while they come and go", () => {
    const tasks = Array.from({ length: 2_000 }, () => new Noted());
    for (const [index, task] of tasks.entries()) scheduler.at(task, begin + 1 + ((index * 7_919) % 50));
    for (const [index, task] of tasks.entries()) {
      if (index % 3 === 0) scheduler.at(task, Number.POSITIVE_INFINITY);
      if (index % 3 === 1) scheduler.at(task, begin + 1 + ((index * 31) % 60));
    }
    vi.advanceTimersByTime(80);
    const wanted = [
      () => [],
      (index: number) => [begin + 1 + ((index * 31) % 60) + TURN_MS],
      (index: number) => [begin + 1 + ((index * 7_919) % 50) + TURN_MS],
    ];
    expect(tasks.map(({ ran }) => ran)).toEqual(tasks.map((_, index) => wanted[index % 3]?.(index)));
  });

  it("gives the others their turn when one throws", () => {
    const failing = new (class extends Task {
      override run(): void {
        throw new Error("from a listener");
      }
    })();
    const others = [new Noted(), new Noted()];
    scheduler.soon(failing);
    for (const other of others) scheduler.soon(other);
    expect(() => vi.advanceTimersByTime(1)).toThrow("from a listener");
    expect(others.map(({ ran }) => ran.length)).toEqual([1, 1]);
    scheduler.soon(failing);
    expect(failing.isSoon).toBe(true);
  });

  it("runs nothing once it is closed", () => {
    const task = new Noted();
    scheduler.soon(task);
    scheduler.at(task, begin);
    scheduler.close();
    scheduler.soon(task);
    vi.advanceTimersByTime(100);
    expect(task.ran).toHaveLength(0);
  });
});
