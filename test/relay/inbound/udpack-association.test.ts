import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { Connections } from "../../../relay/inbound/connections.ts";
import type { SessionHost } from "../../../relay/inbound/session.ts";
import { TunnelAssociations } from "../../../relay/inbound/udpack-association.ts";
import { PacketStream } from "../../../relay/tunnel/packet-stream.ts";
import { streamPair } from "../tunnel/stream-pair.ts";

describe("TunnelAssociations", () => {
  it("keeps nothing of an association whose stream was reset while it was being asked for", async () => {
    const [near, far] = streamPair(0);
    far.on("error", () => undefined);
    const stream = new PacketStream(near);
    stream.destroy();
    await once(stream, "close");
    const place = new Connections(1).enter();
    if (place === undefined) throw new Error("there is no place");
    const host = {
      admit: () => undefined,
      attempt: (_wish: unknown, _signal: unknown, action: () => Promise<unknown>) => action(),
      dialOptions: () => ({}),
      deps: { outbound: {}, limits: { meterOf: () => undefined }, idleTimeoutMs: 60_000 },
    } as unknown as SessionHost;
    const associations = new TunnelAssociations(host, () => true);
    const client = { address: "192.0.2.1", user: "" };
    // It would wait for the close of the stream, which has been, with a timer that never stops.
    await expect(associations.serve(stream, client, place)).resolves.toBeUndefined();
  }, 10_000);
});
