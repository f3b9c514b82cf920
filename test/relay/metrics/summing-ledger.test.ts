import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SummingLedger } from "../../../relay/metrics/summing-ledger.ts";
import type { Flow } from "../../../shared/flow/flow.ts";
import { METRICS_LIMITS } from "../../../shared/limits.ts";

function ledger(): SummingLedger {
  return new SummingLedger({ source: "s", origin: "relay", name: "main" });
}

function begin(book: SummingLedger, user = "", service = "main/mixed"): Flow {
  return book.open({ kind: "socks", service, client: "192.0.2.1", target: "a:1", user, startedAt: 0 });
}

describe("SummingLedger", () => {
  it("sums what is over and what is open, whatever batches were taken in between", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ user: fc.constantFrom("", "alice", "bob"), up: fc.nat(), down: fc.nat() })),
        fc.array(fc.constantFrom("close", "seal", "move"), { maxLength: 60 }),
        (flows, steps) => {
          const book = ledger();
          const open = flows.map(({ user, up, down }) => Object.assign(begin(book, user), { up, down }));
          const all = [...open];
          for (const step of steps) {
            const [flow] = open;
            if (step === "close" && flow) book.close(open.shift() ?? flow, "done", 1);
            else if (step === "move" && flow) flow.up += 7;
            else book.acknowledge(book.seal(2)?.seq ?? 0);
          }
          const sums = book.sums();
          const sum = (of: (flow: Flow) => number, user?: string) =>
            all
              .filter((flow) => user === undefined || flow.user === user)
              .reduce((total, flow) => total + of(flow), 0);
          expect(sums).toMatchObject({
            opened: all.length,
            active: open.length,
            up: sum(({ up }) => up),
            down: sum(({ down }) => down),
          });
          for (const { user, up, down } of sums.users) {
            expect(up).toBe(sum((flow) => flow.up, user));
            expect(down).toBe(sum((flow) => flow.down, user));
          }
        },
      ),
    );
  });

  it("tells how flows ended, and counts an end once", () => {
    const book = ledger();
    const flow = begin(book);
    book.close(flow, "idle", 1);
    book.close(flow, "failed", 2);
    book.close(begin(book), "refused", 3, "upstream_timeout");
    book.refuse("main/mixed", "socks", "connection_refused");
    book.refuse("main/mixed", "socks", "connection_refused");
    book.refuse("main/mixed", "socks");
    const { services, refused } = book.sums();
    expect(services).toMatchObject([
      {
        closed: { done: 0, refused: 1, aborted: 0, failed: 0, idle: 1, closed: 0 },
        refused: { connection_refused: 2, unknown: 1, upstream_timeout: 1 },
      },
    ]);
    expect(refused).toBe(4);
  });

  it("sums users past the bound up under a name that nobody can have", () => {
    const book = ledger();
    for (let n = 0; n < METRICS_LIMITS.USERS_MAX + 5; n++) book.close(begin(book, `user${n}`), "done", 1);
    const { users } = book.sums();
    expect(users).toHaveLength(METRICS_LIMITS.USERS_MAX + 1);
    expect(users.at(-1)).toMatchObject({ user: ":other", opened: 5 });
  });
});
