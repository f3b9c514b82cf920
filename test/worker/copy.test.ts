import { describe, expect, it } from "vitest";
import { Copy, type CopyEnd, type CopyRules } from "../../worker/copy.ts";
import { until } from "./stats/support.ts";

const LONG = 700_000;

interface Running {
  readonly copy: Copy;
  readonly end: Promise<CopyEnd>;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Bytes that the target took. */
  readonly passed: number[];
}

function running(source: ReadableStream<Uint8Array> | Uint8Array, rules: CopyRules = {}): Running {
  const { readable, writable } = new IdentityTransformStream();
  const passed: number[] = [];
  const copy = new Copy(source, writable, { onPassed: (bytes) => void passed.push(bytes), ...rules });
  return { copy, end: copy.run(), reader: readable.getReader(), passed };
}

/** A byte stream that the runtime owns, and its writing end. */
function byteSource(): {
  source: ReadableStream<Uint8Array>;
  writer: WritableStreamDefaultWriter<Uint8Array>;
} {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  writer.closed.catch(() => undefined);
  return { source: readable, writer };
}

function pattern(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (from + i) % 253);
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let read = await reader.read(); !read.done; read = await reader.read())
    pieces.push(read.value.slice());
  return new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

describe("Copy.run", () => {
  it("copies every byte once, in any pieces, and tells what was taken", async () => {
    const { source, writer } = byteSource();
    const { end, reader, passed } = running(source, { length: LONG });
    async function write(): Promise<void> {
      for (let at = 0, size = 1; at < LONG; at += size, size = Math.min(size * 3, LONG - at || 1))
        await writer.write(pattern(Math.min(size, LONG - at), at));
      await writer.close();
    }
    const [bytes] = await Promise.all([drain(reader), write()]);
    expect(bytes).toEqual(pattern(LONG));
    expect(await end).toBe("whole");
    expect(passed.reduce((sum, count) => sum + count, 0)).toBe(LONG);
  });

  it("breaks the target when the source breaks, after telling so", async () => {
    const { source, writer } = byteSource();
    const told: unknown[] = [];
    const { end, reader } = running(source, { onBreak: (cause) => void told.push(cause) });
    writer.abort(new Error("reset")).catch(() => undefined);
    await expect(drain(reader)).rejects.toThrow();
    expect(await end).toBe("source");
    expect(told).toHaveLength(1);
  });

  it("breaks the target when the source ends early", async () => {
    const { end, reader } = running(pattern(10), { length: 11 });
    await expect(drain(reader)).rejects.toThrow();
    expect(await end).toBe("source");
  });

  it("breaks both off when a piece is refused, before it is passed on", async () => {
    const { source, writer } = byteSource();
    const { end, reader, passed } = running(source, {
      inspect() {
        throw new RangeError("too long");
      },
    });
    const written = writer.write(pattern(10));
    await expect(drain(reader)).rejects.toThrow();
    await Promise.allSettled([written]);
    expect([await end, passed]).toEqual(["source", []]);
    await expect(writer.write(pattern(1))).rejects.toThrow();
  });

  it("gives the source up when the target has left", async () => {
    const { source, writer } = byteSource();
    const { end, reader } = running(source);
    await reader.cancel();
    await writer.write(pattern(10));
    expect(await end).toBe("target");
    await expect(writer.write(pattern(1))).rejects.toThrow();
  });

  it("takes a target that leaves with all announced bytes for whole", async () => {
    const { source, writer } = byteSource();
    const { end, reader } = running(source, { length: 10 });
    const written = writer.write(pattern(10));
    expect((await reader.read()).value).toEqual(pattern(10));
    await written;
    await scheduler.wait(10);
    await reader.cancel();
    await writer.close();
    expect(await end).toBe("whole");
  });

  it("reads ahead of a slow target, and on without one, where the rules say so", async () => {
    const { source, writer } = byteSource();
    const seen: Uint8Array[] = [];
    const { end, reader } = running(source, { ahead: () => true, inspect: (piece) => void seen.push(piece) });
    await writer.write(pattern(10));
    await writer.write(pattern(10, 10));
    await reader.cancel();
    await writer.write(pattern(10, 20));
    await writer.close();
    expect(await end).toBe("whole");
    expect(seen).toEqual([pattern(10), pattern(10, 10), pattern(10, 20)]);
  });
});

describe("Copy.stop", () => {
  it("breaks both sides, whichever is waited for", async () => {
    for (const blocked of ["source", "target"]) {
      const { source, writer } = byteSource();
      const { copy, end, reader } = running(source);
      if (blocked === "target") writer.write(pattern(10)).catch(() => undefined);
      await until(() => copy.waitsForTarget === (blocked === "target"));
      copy.stop(new Error("too late"));
      expect(await end, blocked).toBe("stopped");
      await expect(drain(reader)).rejects.toThrow();
      await expect(writer.write(pattern(1))).rejects.toThrow();
    }
  });
});

describe("Copy.idleMs", () => {
  it("is the time since something moved, as it was asked", async () => {
    const { source, writer } = byteSource();
    const { copy, end, reader } = running(source);
    expect([copy.idleMs(1_000), copy.idleMs(1_500), copy.idleMs(4_000)]).toEqual([0, 500, 3_000]);
    const written = writer.write(pattern(10));
    await reader.read();
    await written;
    await scheduler.wait(10);
    expect([copy.idleMs(5_000), copy.idleMs(6_000)]).toEqual([0, 1_000]);
    await writer.close();
    await drain(reader);
    await end;
    expect([copy.idleMs(7_000), copy.idleMs(9_000)]).toEqual([0, 0]);
  });
});
