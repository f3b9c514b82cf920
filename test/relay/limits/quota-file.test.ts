import { mkdtemp, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { QuotaFile } from "../../../relay/limits/quota-file.ts";
import { RELAY_QUOTA_LIMITS } from "../../../shared/limits.ts";

const NOW = Date.UTC(2027, 5, 15);
const START = Date.UTC(2027, 5, 1);

function stateDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), "causeway-quota-"));
}

async function open(state: string, now = NOW) {
  const failures: string[] = [];
  const file = await QuotaFile.open({ state, now, onFailed: (why) => failures.push(why) });
  let isOpen = true;
  const close = (): void => {
    if (isOpen) file.close();
    isOpen = false;
  };
  onTestFinished(close);
  return { file, failures, close };
}

function request(wanted: number, more: Partial<Parameters<QuotaFile["lease"]>[0]> = {}) {
  const usual = { subject: "user:alice", period: "month", start: START, now: NOW, limit: 1_000 } as const;
  return { ...usual, wanted, needed: 1, ...more };
}

describe("QuotaFile", () => {
  it("counts what is leased as used, across openings", async () => {
    const state = await stateDirectory();
    const first = await open(state);
    expect(first.file.lease(request(600))).toBe(600);
    first.close();
    const { file } = await open(state);
    expect(file.lease(request(600))).toBe(400);
    expect(file.lease(request(1))).toBe(0);
  });

  it("is shared by processes without counting twice or not at all", async () => {
    const state = await stateDirectory();
    const [one, two] = [await open(state), await open(state)];
    expect(one.file.lease(request(300))).toBe(300);
    expect(two.file.lease(request(300))).toBe(300);
    expect(one.file.lease(request(900))).toBe(400);
    expect(two.file.lease(request(1))).toBe(0);
  });

  it("takes back what was not used, for the same period only", async () => {
    const { file } = await open(await stateDirectory());
    file.lease(request(600));
    file.giveBack(request(0), 500);
    file.giveBack(request(0, { start: 0 }), 100);
    expect(file.lease(request(2_000))).toBe(900);
  });

  it("voids a rest that is less than needed", async () => {
    const { file } = await open(await stateDirectory());
    file.lease(request(950));
    expect(file.lease(request(100, { needed: 100 }))).toBe(0);
    expect(file.lease(request(1))).toBe(0);
  });

  it("begins anew with a new period, and not when the clock goes back a little", async () => {
    const { file } = await open(await stateDirectory());
    file.lease(request(1_000));
    const next = { start: Date.UTC(2027, 6, 1), now: Date.UTC(2027, 6, 1) + 5 };
    expect(file.lease(request(700, next))).toBe(700);
    expect(file.lease(request(700, { now: Date.UTC(2027, 6, 1) - 5 }))).toBe(300);
  });

  it("keeps subjects and kinds of period apart", async () => {
    const { file } = await open(await stateDirectory());
    file.lease(request(1_000));
    expect(file.lease(request(1_000, { subject: "user:bob" }))).toBe(1_000);
    expect(file.lease(request(1_000, { period: "total", start: 0 }))).toBe(1_000);
  });

  it("forgets periods that are long over, and keeps quotas for good", async () => {
    const state = await stateDirectory();
    const first = await open(state);
    first.file.lease(request(1));
    first.file.lease(request(1, { period: "total", start: 0 }));
    first.close();
    const later = NOW + RELAY_QUOTA_LIMITS.ROW_MAX_AGE_MS;
    (await open(state, later)).close();
    const database = new DatabaseSync(join(state, "limits.sqlite"));
    onTestFinished(() => database.close());
    expect(database.prepare("SELECT period FROM quota").all()).toEqual([{ period: "total" }]);
  });

  it("is readable for its owner only", async () => {
    const state = join(await stateDirectory(), "new");
    await open(state);
    expect((await stat(join(state, "limits.sqlite"))).mode & 0o777).toBe(0o600);
    expect((await stat(state)).mode & 0o777).toBe(0o700);
  });

  it("says which file cannot be used, and why", async () => {
    const state = await stateDirectory();
    await writeFile(join(state, "limits.sqlite"), "this is no database at all, but a text of some length");
    await expect(open(state)).rejects.toThrow(/limits\.sqlite": file is not a database/);
  });

  it("leaves a file of a newer version alone", async () => {
    const state = await stateDirectory();
    const database = new DatabaseSync(join(state, "limits.sqlite"));
    database.exec("PRAGMA user_version = 99");
    database.close();
    await expect(open(state)).rejects.toThrow(/version 99/);
  });

  it("reports a write that fails and grants nothing", async () => {
    const { file, failures, close } = await open(await stateDirectory());
    close();
    expect(file.lease(request(1))).toBeUndefined();
    expect(failures).toHaveLength(1);
  });
});
