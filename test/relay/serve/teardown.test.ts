import { describe, expect, it } from "vitest";
import { Teardown } from "../../../relay/serve/teardown.ts";

describe("Teardown", () => {
  it("stops in reverse order, each only after the one before has ended", async () => {
    const order: string[] = [];
    const teardown = new Teardown();
    for (const name of ["first", "second", "third"]) {
      teardown.add(name, async () => {
        order.push(`${name} begins`);
        await Promise.resolve();
        order.push(`${name} ends`);
      });
    }
    expect(await teardown.run(1_000)).toEqual([]);
    expect(order.filter((line) => line.endsWith("begins"))).toEqual([
      "third begins",
      "second begins",
      "first begins",
    ]);
    expect(order[1]).toBe("third ends");
  });

  it("goes on past a part that fails and one that hangs, and says so", async () => {
    const stopped: string[] = [];
    const teardown = new Teardown();
    teardown.add("edge", async () => void stopped.push("edge"));
    teardown.add("relay", () => new Promise(() => undefined));
    teardown.add("link", () => Promise.reject(new Error("broken")));
    const problems = await teardown.run(20);
    expect(stopped).toEqual(["edge"]);
    expect(problems).toEqual([
      "Cannot stop the link: broken",
      "Cannot stop the relay: it did not end within 0.02 s",
    ]);
  });

  it("gives a part the extra time that it was added with", async () => {
    const teardown = new Teardown();
    teardown.add("relay", () => new Promise((resolve) => setTimeout(resolve, 60)), 1_000);
    expect(await teardown.run(20)).toEqual([]);
  });

  it("stops nothing twice", async () => {
    let stops = 0;
    const teardown = new Teardown();
    teardown.add("edge", async () => void stops++);
    await teardown.run(1_000);
    await teardown.run(1_000);
    expect(stops).toBe(1);
  });
});
