import { buffer } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { type StreamPort, UdpackStream } from "../../../../relay/udpack/endpoint/stream.ts";

/** A session that offers `blocks`, and tells of the next one while it hands out the one before. */
function eagerPort(stream: UdpackStream, blocks: Uint8Array[]): StreamPort {
  return {
    write: (_, data) => data.length,
    end() {},
    read() {
      const block = blocks.shift();
      stream.onReadable();
      return block ?? null;
    },
    reset() {},
    stop() {},
    gone() {},
  };
}

describe("UdpackStream", () => {
  it("keeps the order of what is read while the session tells of more in the middle of a read", async () => {
    const stream = new UdpackStream();
    const blocks = Array.from({ length: 200 }, (_, index) => new Uint8Array(1_000).fill(index));
    const whole = Buffer.concat(blocks);
    stream.attach(eagerPort(stream, blocks), 0);
    expect((await buffer(stream)).equals(whole)).toBe(true);
  });
});
