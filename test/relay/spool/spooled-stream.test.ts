import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Spool } from "../../../relay/spool/spool.ts";

const KIB = 1024;
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

async function spoolOf(sizes = SIZES, onFailed = vi.fn(), folder = state): Promise<Spool> {
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

async function hashOf(stream: Duplex): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

describe("SpooledStream", () => {
  it("gives a fast reader everything, and never makes a file", async () => {
    const source = new Source(5_000 * KIB);
    const spool = await spoolOf();
    const stream = spool.of(source);
    expect(await hashOf(stream)).toBe(source.hash.digest("hex"));
    expect(spool.diskBytes).toBe(0);
  });

  it("takes memory and file full of the source for a reader that stands still, and no more", async () => {
    const source = new Source(10_000 * KIB);
    const spool = await spoolOf();
    const stream = spool.of(source);
    stream.once("readable", () => undefined);
    const given = await settled(source);
    const inStreams = 2 * 64 * KIB;
    expect(given).toBeGreaterThanOrEqual(SIZES.memory + SIZES.file);
    expect(given).toBeLessThanOrEqual(SIZES.memory + SIZES.file + inStreams);
    expect(spool.diskBytes).toBe(SIZES.file);
    expect(await readdir(join(state, "spool"))).toEqual([]);
    expect(await hashOf(stream)).toBe(source.hash.digest("hex"));
    await vi.waitFor(() => expect(spool.diskBytes).toBe(0));
  });

  it("keeps to memory where files are off", async () => {
    const source = new Source(2_000 * KIB);
    const spool = await spoolOf({ ...SIZES, file: 0 });
    const stream = spool.of(source);
    expect(await settled(source)).toBeLessThanOrEqual(SIZES.memory + 2 * 64 * KIB);
    expect(await hashOf(stream)).toBe(source.hash.digest("hex"));
  });

  it("shares the disk: what is full for one is full for all", async () => {
    const spool = await spoolOf({ ...SIZES, total: SIZES.file });
    const first = new Source(10_000 * KIB);
    const second = new Source(10_000 * KIB);
    const streams = [spool.of(first), spool.of(second)];
    await settled(first);
    await settled(second);
    expect(spool.diskBytes).toBeLessThanOrEqual(SIZES.file);
    for (const stream of streams) stream.destroy();
    await vi.waitFor(() => expect(spool.diskBytes).toBe(0));
  });

  it("keeps what a source gave before it ended, whatever it does afterwards", async () => {
    const source = new Source(200 * KIB);
    const stream = (await spoolOf()).of(source);
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

  it("ends the stream with a code when the disk fails, and only that stream", async () => {
    const folder = await mkdtemp(join(tmpdir(), "spooled-"));
    const onFailed = vi.fn();
    const spool = await spoolOf(SIZES, onFailed, folder);
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
    const stream = (await spoolOf()).of(source);
    stream.resume();
    stream.write("to the target");
    await new Promise<void>((resolve) => stream.end(resolve));
    expect(Buffer.concat(source.written).toString()).toBe("to the target");
    expect(source.writableFinished).toBe(true);
  });
});
