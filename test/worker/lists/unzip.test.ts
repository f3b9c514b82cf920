import { describe, expect, it } from "vitest";
import { unzipped } from "../../../worker/lists/unzip.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function zipped(plain: string): Promise<Uint8Array> {
  const stream = new Response(plain).body?.pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream ?? null).arrayBuffer());
}

/** Says how many chunks were asked for, and whether it was given up. */
class Source {
  asked = 0;
  givenUp = false;
  readonly #chunks: readonly Uint8Array[];
  readonly #failure: Error | undefined;

  constructor(chunks: readonly Uint8Array[], failure?: Error) {
    this.#chunks = chunks;
    this.#failure = failure;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    try {
      for (const chunk of this.#chunks) {
        this.asked++;
        yield chunk;
      }
      if (this.#failure) throw this.#failure;
      return undefined;
    } finally {
      this.givenUp = true;
    }
  }
}

async function all(source: AsyncIterable<Uint8Array>): Promise<string> {
  let out = "";
  for await (const piece of unzipped(source)) out += text(piece);
  return out;
}

describe("unzipped", () => {
  it("gives the text back however the packed bytes are cut", async () => {
    const packed = await zipped("a guide ".repeat(50_000));
    const cut = Array.from({ length: Math.ceil(packed.length / 7) }, (_, n) =>
      packed.subarray(n * 7, n * 7 + 7),
    );
    expect(await all(new Source(cut))).toBe("a guide ".repeat(50_000));
    expect(await all(new Source([packed]))).toBe("a guide ".repeat(50_000));
  });

  it("unpacks no more than is read, and asks for no more than that takes", async () => {
    const packed = await zipped(" ".repeat(40_000_000));
    const half = Math.floor(packed.length / 2);
    const source = new Source([packed.subarray(0, half), packed.subarray(half)]);
    const pieces = unzipped(source);
    for (let n = 0; n < 20; n++) expect((await pieces.next()).value?.byteLength).toBeLessThanOrEqual(65_536);
    await scheduler.wait(50);
    expect(source.asked).toBe(1);
    await pieces.return(undefined);
    await scheduler.wait(0);
    expect(source.givenUp).toBe(true);
  });

  it("fails as its source does, and for what is no gzip or ends early", async () => {
    const packed = await zipped("a guide");
    await expect(all(new Source([packed.subarray(0, 10)], new Error("it broke")))).rejects.toThrow(
      "it broke",
    );
    await expect(all(new Source([new Uint8Array([1, 2, 3, 4])]))).rejects.toThrow();
    await expect(all(new Source([packed.subarray(0, packed.length - 9)]))).rejects.toThrow();
  });

  it("reads several packed texts behind each other as one", async () => {
    expect(await all(new Source([await zipped("one "), await zipped("two")]))).toBe("one two");
  });
});
