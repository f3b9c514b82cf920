// The endpoint's clock: turns, times, and one timer for all.

import { describe, expect, it } from "vitest";
import { Scheduler, Task } from "../../../../relay/udpack/endpoint/scheduler.ts";

class Noted extends Task {
  readonly ran: number[] = [];
  #done = Promise.withResolvers<void>();

  run(now: number): void {
    this.ran.push(now);
    this.#done.resolve();
    this.#done = Promise.withResolvers();
  }

  next(): Promise<void> {
    return this.#done.promise;
  }
}

describe("Scheduler", () => {
  it("runs a task once at the end of a turn, however often it was asked for", async () => {
    const scheduler = new Scheduler();
    const task = new Noted();
    for (let i = 0; i < 5; i++) scheduler.soon(task);
    expect(task.ran).toHaveLength(0);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(task.ran).toHaveLength(1);
    scheduler.close();
  });

  it("runs tasks at their times, in order, whatever the order of asking", async () => {
    const scheduler = new Scheduler();
    const begin = scheduler.now();
    const order: number[] = [];
    const delays = [40, 5, 25, 60, 15, 50, 10, 30];
    const tasks = delays.map((delay) => {
      const task = new Noted();
      scheduler.at(task, begin + delay);
      void task.next().then(() => order.push(delay));
      return task;
    });
    await tasks[3]?.next();
    expect(order).toEqual([...delays].sort((a, b) => a - b));
    for (const [index, task] of tasks.entries()) {
      expect(task.ran).toHaveLength(1);
      expect(task.ran[0]).toBeGreaterThanOrEqual(begin + (delays[index] ?? 0));
    }
    scheduler.close();
  });

  it("moves a task to another time, and drops one that is not wanted any more", async () => {
    const scheduler = new Scheduler();
    const [moved, dropped, last] = [new Noted(), new Noted(), new Noted()];
    const begin = scheduler.now();
    scheduler.at(moved, begin + 5_000);
    scheduler.at(dropped, begin + 5);
    scheduler.at(last, begin + 40);
    scheduler.at(moved, begin + 20);
    scheduler.at(dropped, Number.POSITIVE_INFINITY);
    await last.next();
    expect(moved.ran).toHaveLength(1);
    expect(dropped.ran).toHaveLength(0);
    scheduler.close();
  });

  it("keeps thousands of tasks in order while they come and go", async () => {
    const scheduler = new Scheduler();
    const begin = scheduler.now();
    const tasks = Array.from({ length: 2_000 }, () => new Noted());
    for (const [index, task] of tasks.entries()) scheduler.at(task, begin + ((index * 7_919) % 50));
    for (const [index, task] of tasks.entries()) {
      if (index % 3 === 0) scheduler.at(task, Number.POSITIVE_INFINITY);
      if (index % 3 === 1) scheduler.at(task, begin + 1 + ((index * 31) % 60));
    }
    const end = new Noted();
    scheduler.at(end, begin + 80);
    await end.next();
    expect(tasks.map(({ ran }) => ran.length)).toEqual(tasks.map((_, index) => (index % 3 === 0 ? 0 : 1)));
    scheduler.close();
  });

  it("gives the others their turn when one throws", async () => {
    const scheduler = new Scheduler();
    const failing = new (class extends Task {
      override run(): void {
        throw new Error("from a listener");
      }
    })();
    const others = [new Noted(), new Noted()];
    const caught = new Promise((resolve) => process.once("uncaughtException", resolve));
    const listeners = process
      .listeners("uncaughtException")
      .filter((_, index, all) => index < all.length - 1);
    for (const listener of listeners) process.off("uncaughtException", listener);
    scheduler.soon(failing);
    for (const other of others) scheduler.soon(other);
    await Promise.all([caught, ...others.map((other) => other.next())]);
    for (const listener of listeners) process.on("uncaughtException", listener);
    scheduler.soon(failing);
    expect(failing.isSoon).toBe(true);
    scheduler.close();
  });

  it("runs nothing once it is closed", async () => {
    const scheduler = new Scheduler();
    const task = new Noted();
    scheduler.soon(task);
    scheduler.at(task, scheduler.now());
    scheduler.close();
    scheduler.soon(task);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(task.ran).toHaveLength(0);
  });
});
