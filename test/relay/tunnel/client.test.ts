import { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import type { CarrierClient, CarrierStream } from "../../../relay/tunnel/carrier.ts";
import { TunnelClient } from "../../../relay/tunnel/client.ts";
import { connectedPacket } from "../../../relay/tunnel/connect.ts";
import { framePacket } from "../../../shared/packet/framing.ts";

/** A client whose streams are answered, and reset in the same turn, as both may come in one datagram. */
function answeredAndReset(): TunnelClient {
  const carrier: CarrierClient = {
    openStream() {
      const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
      setImmediate(() => {
        stream.push(framePacket(connectedPacket("192.0.2.1", 4_000)));
        stream.destroy(new Error("reset"));
      });
      return Object.assign(stream, { id: 0, abort: () => stream.destroy() }) as CarrierStream;
    },
    lane: () => ({ send: () => true }),
    close: async () => undefined,
  };
  return new TunnelClient(carrier);
}

describe("TunnelClient", () => {
  it("gives nobody a connection that was reset along with its answer: its close would never be told", async () => {
    const client = answeredAndReset();
    const { signal } = new AbortController();
    await expect(client.connect("a.example", 80, signal)).rejects.toMatchObject({ code: "dial_failed" });
    const events = { onReceived: () => undefined, onEnded: () => undefined };
    await expect(client.associate(signal, events)).rejects.toMatchObject({ code: "dial_failed" });
    expect(client.size).toBe(0);
  });
});
