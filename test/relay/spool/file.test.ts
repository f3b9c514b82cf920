import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SpoolBudget } from "../../../relay/spool/budget.ts";
import { SpoolDirectory } from "../../../relay/spool/directory.ts";
import { SpoolFile } from "../../../relay/spool/file.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "spool-"));
});

afterAll(() => rm(folder, { recursive: true }));

let count = 0;
function open(size: number, budget = new SpoolBudget(1e9)): Promise<SpoolFile> {
  return SpoolFile.open({ path: join(folder, `${count++}`), size, budget });
}

function pattern(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31 + seed) % 251));
}

/** The open files of this process in `folder`, with their modes and bytes. */
async function openFiles(): Promise<{ mode: number; bytes: Buffer }[]> {
  const names = await readdir("/proc/self/fd");
  const found = await Promise.all(
    names.map(async (name) => {
      const path = `/proc/self/fd/${name}`;
      const target = await readlink(path).catch(() => "");
      if (!target.startsWith(folder)) return undefined;
      return { mode: (await stat(path)).mode & 0o777, bytes: await readFile(path) };
    }),
  );
  return found.filter((file) => file !== undefined);
}

describe("SpoolFile", () => {
  it("gives bytes back in the order they came, over many rounds of its ring", async () => {
    const file = await open(1_000);
    const read: Buffer[] = [];
    const written: Buffer[] = [];
    for (let round = 0; round < 40; round++) {
      const bytes = pattern(300 + (round % 7) * 50, round);
      written.push(bytes);
      await file.append(bytes);
      if (file.held > 400) while (file.held > 100) read.push(await file.take(170));
    }
    while (file.held > 0) read.push(await file.take(999));
    expect(Buffer.concat(read).equals(Buffer.concat(written))).toBe(true);
    await file.close();
  });

  it("takes no more than its size", async () => {
    const file = await open(100);
    await file.append(Buffer.alloc(60));
    await expect(file.append(Buffer.alloc(41))).rejects.toThrow(RangeError);
    await file.close();
  });

  it("says what it will take of the disk, never more than its size, and gives that back", async () => {
    const budget = new SpoolBudget(1_000);
    const file = await open(500, budget);
    for (const growth of [400, 100, 0]) {
      expect(file.growthBy(400)).toBe(growth);
      expect(budget.take(growth)).toBe(true);
      await file.append(Buffer.alloc(400));
      while (file.held > 0) await file.take(400);
    }
    expect(budget.taken).toBe(500);
    expect(budget.take(501)).toBe(false);
    expect(budget.taken).toBe(500);
    await file.close();
    expect(budget.taken).toBe(0);
  });

  it.runIf(process.platform === "linux")(
    "has no name, is for its owner alone, and shows nothing of what it holds",
    async () => {
      const file = await open(10_000);
      const secret = Buffer.from("what a slow reader waits for ".repeat(20));
      await file.append(secret);
      expect(await readdir(folder)).toEqual([]);
      const [found] = await openFiles();
      expect(found?.mode).toBe(0o600);
      expect(found?.bytes.length).toBe(secret.length);
      expect(found?.bytes.includes("slow reader")).toBe(false);
      await file.close();
      expect(await openFiles()).toEqual([]);
    },
  );
});

describe("SpoolDirectory", () => {
  it("removes what dead processes have left, and nothing else", async () => {
    const state = join(folder, "state");
    await mkdir(join(state, "spool"), { recursive: true });
    const uuid = "12345678-1234-1234-1234-123456789abc";
    const dead = `2147483646-${uuid}.spool`;
    const alive = `${process.ppid}-${uuid}.spool`;
    for (const name of [dead, alive, "notes.txt"]) await writeFile(join(state, "spool", name), "x");
    await new SpoolDirectory(state).prepare();
    expect((await readdir(join(state, "spool"))).sort()).toEqual([alive, "notes.txt"].sort());
  });

  it("says which setting names a place that cannot be used", async () => {
    const state = join(folder, "a-file");
    await writeFile(state, "");
    await chmod(state, 0o400);
    await expect(new SpoolDirectory(state).prepare()).rejects.toThrow(/relay\.state.*relay\.spool\.file = 0/);
  });
});
