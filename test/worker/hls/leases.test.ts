import { describe, expect, it } from "vitest";
import { SHIELD_LIMITS } from "../../../shared/limits.ts";
import { type LeaseReply, LeaseTable } from "../../../worker/hls/object/leases.ts";

const NAME = "a".repeat(64);

/** A table with a clock that the test moves. */
function table() {
  const leases = new LeaseTable();
  let now = 1_000;
  const ask = (place = "r2", { name = NAME, holdMs = 10_000, waitMs = 10_000 } = {}) =>
    leases.ask({ name, place, holdMs, waitMs }, () => now);
  return {
    ask,
    async granted(place = "r2", options = {}): Promise<string> {
      const reply = await ask(place, options);
      if (reply.type !== "granted") throw new Error(`Got ${reply.type}`);
      return reply.lease;
    },
    report: (
      lease: string,
      outcome: Parameters<LeaseTable["report"]>[0]["outcome"],
      keepMs = 5_000,
      name = NAME,
    ) => leases.report({ name, lease, outcome, keepMs }, now),
    pass(ms: number) {
      now += ms;
    },
  };
}

function parcel(text: string) {
  return { type: "parcel", parcel: { facts: "{}", body: new TextEncoder().encode(text) } } as const;
}

function textOf(reply: LeaseReply): string {
  return reply.type === "parcel" ? new TextDecoder().decode(reply.parcel.body) : reply.type;
}

describe("LeaseTable", () => {
  it("grants one fetch, and hands what came of it to all who waited and to those who come later", async () => {
    const { granted, ask, report } = table();
    const lease = await granted();
    const waiting = [ask(), ask("CDG")];
    report(lease, parcel("body"));
    expect((await Promise.all([...waiting, ask("ORD")])).map(textOf)).toEqual(["body", "body", "body"]);
  });

  it("grants it again once the bytes are old", async () => {
    const { granted, ask, report, pass } = table();
    report(await granted(), parcel("body"), 5_000);
    pass(4_999);
    expect((await ask()).type).toBe("parcel");
    pass(1);
    expect((await ask()).type).toBe("granted");
  });

  it("keeps resources apart", async () => {
    const { granted, ask } = table();
    await granted();
    expect((await ask("r2", { name: "b".repeat(64) })).type).toBe("granted");
  });

  it("sends those who share a place to what is stored there, and lets every other place fetch once", async () => {
    const { granted, ask, report } = table();
    const lease = await granted("CDG");
    const [near, far] = [ask("CDG"), ask("ORD")];
    report(lease, { type: "stored", place: "CDG" });
    expect((await near).type).toBe("stored");
    const other = await far;
    expect(other.type).toBe("granted");
    const waiting = ask("ORD");
    if (other.type === "granted") report(other.lease, { type: "stored", place: "ORD" });
    expect((await waiting).type).toBe("stored");
    expect((await ask("CDG")).type).toBe("stored");
    expect((await ask("ORD")).type).toBe("stored");
    expect((await ask("NRT")).type).toBe("granted");
  });

  it("shares a failure with those who waited, and for a moment with others", async () => {
    const { granted, ask, report, pass } = table();
    const lease = await granted();
    const waiting = ask();
    report(lease, { type: "failed", code: "not_found" }, 1_000);
    expect(await waiting).toEqual({ type: "failed", code: "not_found" });
    expect((await ask()).type).toBe("failed");
    pass(1_000);
    expect((await ask()).type).toBe("granted");
  });

  it("sends those who waited on their own way when nothing may be shared", async () => {
    const { granted, ask, report } = table();
    const lease = await granted();
    const waiting = ask();
    report(lease, { type: "unshared" }, 0);
    expect((await waiting).type).toBe("alone");
    expect((await ask()).type).toBe("granted");
  });

  it("lets somebody else fetch when the lease has run out, and then ignores a late report", async () => {
    const { granted, ask, report, pass } = table();
    const late = await granted();
    pass(10_000);
    const lease = await granted();
    const waiting = ask();
    report(late, parcel("old"));
    report(lease, parcel("new"));
    expect(textOf(await waiting)).toBe("new");
  });

  it("does not take the report of another resource's lease", async () => {
    const { granted, ask, report } = table();
    const lease = await granted();
    report(lease, parcel("other"), 5_000, "b".repeat(64));
    const waiting = ask();
    report(lease, parcel("body"));
    expect(textOf(await waiting)).toBe("body");
  });

  it("lets nobody wait longer than they want to", async () => {
    const { granted, ask, pass } = table();
    await granted();
    const waiting = ask("r2", { waitMs: 5 });
    pass(5);
    expect((await waiting).type).toBe("alone");
  });

  it("coordinates a bounded number of fetches", async () => {
    const { ask, granted, pass } = table();
    for (let n = 0; n < SHIELD_LIMITS.LEASES_MAX; n++) await granted("r2", { name: `${n}` });
    expect((await ask("r2", { name: "more" })).type).toBe("alone");
    pass(10_000);
    expect((await ask("r2", { name: "more" })).type).toBe("granted");
  });

  it("lets a bounded number wait", async () => {
    const { ask, granted, report } = table();
    const lease = await granted();
    const waiting = Array.from({ length: SHIELD_LIMITS.WAITERS_MAX }, () => ask());
    expect((await ask()).type).toBe("alone");
    report(lease, parcel("body"));
    await Promise.all(waiting);
  });
});
