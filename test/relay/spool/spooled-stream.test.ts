import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readlink, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { spoolOf } from "../../../relay/inbound-deps.ts";
import { SpoolFile } from "../../../relay/spool/file.ts";
import { Spool } from "../../../relay/spool/spool.ts";
import { SPOOL_LIMITS } from "../../../shared/limits.ts";

const KIB = 1024;
/** For what happens soon: a busy machine takes its time. */
const PATIENCE = { timeout: 10_000 };
const SIZES = { memory: 256 * KIB, file: 1024 * KIB, total: 4096 * KIB };

let state: string;

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "spooled-"));
});

afterAll(() => rm(state, { recursive: true, force: true }));

/** A source that has `total` bytes to give, in reads of 64 KiB, and remembers how many it gave. */
class Source extends Duplex {
  given = 0;
  readonly hash = createHash("sha256");
  readonly written: Buffer[] = [];
  readonly #total: number;

  constructor(total: number) {
    super({ readableHighWaterMark: 1, allowHalfOpen: true });
    this.#total = total;
  }

  override _read(): void {
    const length = Math.min(64 * KIB, this.#total - this.given);
    if (length === 0) {
      this.push(null);
      return;
    }
    const chunk = Buffer.alloc(length, (this.given / KIB) % 251);
    this.given += length;
    this.hash.update(chunk);
    setImmediate(() => this.push(chunk));
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.written.push(Buffer.from(chunk));
    done();
  }
}

async function openSpool(sizes = SIZES, onFailed = vi.fn(), folder = state): Promise<Spool> {
  const spool = new Spool({ sizes, state: folder, onFailed });
  await spool.open();
  return spool;
}

/** Resolves once `source` has given nothing for a while: longer than a reader may be behind. */
async function settled(source: Source): Promise<number> {
  for (let before = -1; before !== source.given; ) {
    before = source.given;
    await delay(1_300);
  }
  return source.given;
}

function shell(command: string): void {
  execFileSync("/bin/sh", ["-c", command], { stdio: "ignore" });
}

/** Whether this process may make a small disk of its own. */
function mountsTmpfs(): boolean {
  try {
    shell(`unshare -m mount -t tmpfs tmpfs ${tmpdir()}`);
    return true;
  } catch {
    return false;
  }
}

/** Spool files that this process has open. */
async function openSpoolFiles(): Promise<number> {
  const names = await readdir("/proc/self/fd");
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return targets.filter((target) => target.includes(".spool")).length;
}

async function hashOf(stream: Duplex): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

describe("spoolOf", () => {
  it("goes on with what files take of the disk after a reload, unless the settings are others", () => {
    const config = { spool: SIZES, state };
    const spool = spoolOf(config, () => undefined);
    expect(spoolOf({ ...config, spool: { ...SIZES } }, () => undefined, spool)).toBe(spool);
    for (const other of [
      { ...config, state: "/elsewhere" },
      { ...config, spool: { ...SIZES, total: 1 } },
    ])
      expect(spoolOf(other, () => undefined, spool)).not.toBe(spool);
  });
});

describe("SpooledStream", () => {
  it("gives a fast reader everything, and never makes a file", async () => {
    const source = new Source(5_000 * KIB);
    const spool = await openSpool();
    const stream = spool.of(source);
    expect(await hashOf(stream)).toBe(source.hash.digest("hex"));
    expect(spool.diskBytes).toBe(0);
  });

  it("takes memory and file full of the source for a reader that stands still, and no more", async () => {
    const source = new Source(10_000 * KIB);
    const spool = await openSpool();
    const stream = spool.of(source);
    stream.once("readable", () => undefined);
    const given = await settled(source);
    const inStreams = 2 * 64 * KIB;
    expect(given).toBeGreaterThanOrEqual(SIZES.memory + SIZES.file);
    expect(given).toBeLessThanOrEqual(SIZES.memory + SIZES.file + inStreams);
    expect(spool.diskBytes).toBe(SIZES.file);
    expect(await readdir(join(state, "spool"))).toEqual([]);
    expect(await hashOf(stream)).toBe(source.hash.digest("hex"));
    await vi.waitFor(() => expect(spool.diskBytes).toBe(0), PATIENCE);
  });

  it("keeps to memory where files are off", async () => {
    const source = new Source(2_000 * KIB);
    const spool = await openSpool({ ...SIZES, file: 0 });
    const stream = spool.of(source);
    expect(await settled(source)).toBeLessThanOrEqual(SIZES.memory + 2 * 64 * KIB);
    expect(await hashOf(stream)).toBe(source.hash.digest("hex"));
  });

  it("keeps what a source gave before it ended, whatever it does afterwards", async () => {
    const source = new Source(200 * KIB);
    const stream = (await openSpool()).of(source);
    await new Promise((resolve) => source.once("end", resolve));
    source.destroy(new Error("reset"));
    stream.on("error", () => undefined);
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await new Promise((resolve) => stream.once("close", resolve));
    expect(bytes).toBe(200 * KIB);
  });

  it("keeps to the disk that all may take, however many ask for the last of it at once", async () => {
    const total = 1024 * KIB;
    const spool = await openSpool({ ...SIZES, total });
    const spooled = Array.from({ length: 40 }, () => new Source(10_000 * KIB)).map((source) => ({
      source,
      stream: spool.of(source),
    }));
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, spool.diskBytes);
    }, 1);
    await vi.waitFor(() => expect(spool.diskBytes).toBe(total), PATIENCE);
    // Those that have most of the disk go away, and leave it to those that wait, without their readers doing anything.
    spooled.sort((a, b) => b.source.given - a.source.given);
    for (const { stream } of spooled.splice(0, 30)) stream.destroy();
    const given = () => spooled.reduce((sum, { source }) => sum + source.given, 0);
    const atMost = spooled.length * SIZES.memory + total;
    await vi.waitFor(() => {
      expect(spool.diskBytes).toBe(total);
      expect(given()).toBeGreaterThan(atMost - spooled.length * SPOOL_LIMITS.READ_BYTES_MAX);
    }, PATIENCE);
    clearInterval(watch);
    expect(most).toBeLessThanOrEqual(total);
    for (const { stream } of spooled) stream.destroy();
    await vi.waitFor(() => expect(spool.diskBytes).toBe(0), PATIENCE);
  });

  it.runIf(mountsTmpfs())(
    "ends the stream with a code, and gives everything back, when the disk is full indeed",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "spooled-"));
      shell(`mount -t tmpfs -o size=256k tmpfs ${folder}`);
      onTestFinished(() => shell(`umount --lazy ${folder}`));
      const onFailed = vi.fn();
      const spool = await openSpool(SIZES, onFailed, folder);
      const stream = spool.of(new Source(10_000 * KIB));
      const error = await new Promise((resolve) => stream.once("error", resolve));
      expect(error).toMatchObject({ code: "spool_failed" });
      expect(onFailed).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("ENOSPC"));
      await vi.waitFor(() => expect(spool.diskBytes).toBe(0), PATIENCE);
      // Nothing of the file is left on the disk: the next one finds it empty.
      await vi.waitFor(async () => {
        const { bfree, blocks } = await statfs(folder);
        expect(bfree).toBe(blocks);
      }, PATIENCE);
    },
  );

  it("gives everything back when a file fails amid reading and writing", async () => {
    const append = SpoolFile.prototype.append;
    let writes = 0;
    const failing = vi.spyOn(SpoolFile.prototype, "append").mockImplementation(async function (
      this: SpoolFile,
      bytes,
    ) {
      await append.call(this, bytes);
      if (++writes === 5) throw Object.assign(new Error("EIO"), { code: "EIO" });
    });
    onTestFinished(() => failing.mockRestore());
    const onFailed = vi.fn();
    const spool = await openSpool(SIZES, onFailed);
    const descriptors = await openSpoolFiles();
    const stream = spool.of(new Source(10_000 * KIB));
    const error = await new Promise((resolve) => stream.once("error", resolve));
    expect(error).toMatchObject({ code: "spool_failed" });
    expect(onFailed).toHaveBeenCalledExactlyOnceWith("EIO");
    await vi.waitFor(async () => {
      expect(spool.diskBytes).toBe(0);
      expect(await openSpoolFiles()).toBe(descriptors);
    }, PATIENCE);
  });

  it("gives everything back whenever its reader goes: while a file is opened, written, read, or has just been emptied", async () => {
    const spool = await openSpool({ ...SIZES, memory: 64 * KIB });
    const descriptors = await openSpoolFiles();
    const streams = Array.from({ length: 60 }, () => spool.of(new Source(600 * KIB)));
    for (const [index, stream] of streams.entries()) {
      // Each goes a moment later than the one before: from the first spill on, through reading, to the end.
      stream.once("readable", () => undefined);
      setTimeout(() => stream.destroy(), SPOOL_LIMITS.BLOCKED_MS - 5 + index / 2);
      if (index % 2 === 0) setTimeout(() => stream.resume(), SPOOL_LIMITS.BLOCKED_MS + index / 4);
    }
    await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once("close", resolve))));
    await vi.waitFor(async () => {
      expect(spool.diskBytes).toBe(0);
      expect(await openSpoolFiles()).toBe(descriptors);
    }, PATIENCE);
  });

  it("ends the stream with a code when the disk fails, and only that stream", async () => {
    const folder = await mkdtemp(join(tmpdir(), "spooled-"));
    const onFailed = vi.fn();
    const spool = await openSpool(SIZES, onFailed, folder);
    await rm(folder, { recursive: true });
    const stream = spool.of(new Source(10_000 * KIB));
    const error = await new Promise((resolve) => stream.once("error", resolve));
    expect(error).toMatchObject({ code: "spool_failed" });
    expect(onFailed).toHaveBeenCalledOnce();
    expect(spool.diskBytes).toBe(0);
    expect(await hashOf(spool.of(new Source(100 * KIB)))).toHaveLength(64);
  });

  it("passes writes and their end straight through", async () => {
    const source = new Source(0);
    const stream = (await openSpool()).of(source);
    stream.resume();
    stream.write("to the target");
    await new Promise<void>((resolve) => stream.end(resolve));
    expect(Buffer.concat(source.written).toString()).toBe("to the target");
    expect(source.writableFinished).toBe(true);
  });
});
