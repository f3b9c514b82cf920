// Where packets go when a peer's address changes.

import { describe, expect, it } from "vitest";
import { Migration } from "../../../../relay/udpack/path/migration.ts";

const home = { address: "192.0.2.1", port: 1_000 };
const rebound = { address: "192.0.2.1", port: 2_000 };
const away = { address: "198.51.100.7", port: 1_000 };
const DATA = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

describe("Migration", () => {
  it("stays where it is without a word while the address stays", () => {
    const migration = new Migration(home);
    migration.heard({ ...home }, true, 100, 0);
    migration.heard(away, false, 100, 0);
    expect(migration.remote).toBe(home);
    expect(migration.budget).toBe(Number.POSITIVE_INFINITY);
    expect(migration.deadline()).toBe(Number.POSITIVE_INFINITY);
    expect(migration.run(1_000)).toBe(false);
  });

  it("follows the newest packet, but sends at most three times what came", () => {
    const migration = new Migration(home);
    migration.heard(away, true, 100, 5);
    expect(migration.remote).toEqual(away);
    expect(migration.budget).toBe(300);
    migration.sent(250);
    expect(migration.budget).toBe(50);
    migration.heard({ ...away }, false, 20, 6);
    expect(migration.budget).toBe(110);
    migration.sent(1_000);
    expect(migration.budget).toBe(0);
  });

  it("confirms who repeats the challenge, and tells a new port from a new path", () => {
    for (const [to, answer] of [
      [rebound, "rebound"],
      [away, "moved"],
    ] as const) {
      const migration = new Migration(home);
      migration.heard(to, true, 100, 5);
      expect(migration.deadline()).toBe(5);
      expect(migration.run(5)).toBe(true);
      expect(migration.answered(DATA)).toBe("unknown");
      migration.challenged(DATA, 5, 100);
      expect(migration.run(104)).toBe(false);
      expect(migration.answered(DATA.subarray(1))).toBe("unknown");
      expect(migration.answered(new Uint8Array(8))).toBe("unknown");
      expect(migration.answered(DATA.slice())).toBe(answer);
      expect(migration.remote).toEqual(to);
      expect(migration.budget).toBe(Number.POSITIVE_INFINITY);
      expect(migration.answered(DATA)).toBe("unknown");
    }
  });

  it("goes back when three challenges have no answer", () => {
    const migration = new Migration(home);
    migration.heard(away, true, 100, 0);
    let challenges = 0;
    for (let now = 0; now < 1_100; now += 10) {
      if (!migration.run(now)) continue;
      challenges += 1;
      migration.challenged(DATA, now, 100);
    }
    expect(challenges).toBe(3);
    expect(migration.remote).toEqual(home);
    expect(migration.answered(DATA)).toBe("unknown");
  });

  it("takes an answer that is slower than the old path's probe time-out, and to any of the challenges", () => {
    const migration = new Migration(home);
    migration.heard(away, true, 100, 0);
    const late = Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1);
    // From 20 ms at home to 400 ms away.
    for (let now = 0; now < 400; now += 10)
      if (migration.run(now)) migration.challenged(now === 0 ? late : DATA, now, 25);
    expect(migration.remote).toEqual(away);
    expect(migration.answered(late)).toBe("moved");
  });

  it("goes back at once when the newest packet comes from the proven address", () => {
    const migration = new Migration(home);
    migration.heard(away, true, 100, 0);
    migration.heard({ ...home }, false, 100, 0);
    expect(migration.remote).toEqual(away);
    migration.heard({ ...home }, true, 100, 0);
    expect(migration.remote).toEqual(home);
  });

  it("starts over with a third address, with nothing of what the second had", () => {
    const migration = new Migration(home);
    migration.heard(away, true, 10_000, 0);
    migration.challenged(DATA, 0, 100);
    migration.heard(rebound, true, 50, 10);
    expect(migration.budget).toBe(150);
    expect(migration.answered(DATA)).toBe("unknown");
    expect(migration.run(10)).toBe(true);
  });
});
