// The client's end of the tunnel: connections and associations that ride one carrier. Knows no rules and no policy.

import { CausewayError } from "../../shared/errors.ts";
import { UDPACK_TUNNEL_LIMITS } from "../../shared/limits.ts";
import type { ReadPacket } from "../../shared/packet/codec.ts";
import { type CarrierClient, type DatagramEnd, STREAM_CODES } from "./carrier.ts";
import { associatePacket, connectPacket, readAnswer } from "./connect.ts";
import { PacketStream } from "./packet-stream.ts";

export interface TunnelAssociation {
  /** False when the datagram was dropped at once. */
  send(data: Uint8Array, to: DatagramEnd): boolean;
  close(): void;
}

export interface AssociationEvents {
  onReceived(data: Buffer, from: DatagramEnd): void;
  /** It has ended without having been closed. */
  onEnded(): void;
}

export class TunnelClient {
  readonly #carrier: CarrierClient;
  readonly #streams = new Set<PacketStream>();
  #isRetired = false;

  constructor(carrier: CarrierClient) {
    this.#carrier = carrier;
  }

  /** Connections and associations that are open. */
  get size(): number {
    return this.#streams.size;
  }

  /**
   * A connection to `host`, a name or an address, by the far end.
   * @throws CausewayError as the far end says, `tunnel_failed` when it cannot be asked, `dial_timeout` when it does not answer
   */
  connect(host: string, port: number, signal: AbortSignal): Promise<PacketStream> {
    return onceMore(signal, async () => {
      const stream = this.#open();
      stream.send(connectPacket(host, port));
      const { address, port: localPort } = await answered(stream, signal);
      stream.localAddress = address;
      stream.localPort = localPort;
      return stream;
    });
  }

  /** @throws CausewayError as connect */
  async associate(signal: AbortSignal, events: AssociationEvents): Promise<TunnelAssociation> {
    const { carried, stream } = await onceMore(signal, async () => {
      const asking = this.#carrier.openStream();
      const asked = this.#open(asking);
      asked.send(associatePacket());
      await answered(asked, signal);
      return { carried: asking, stream: asked };
    });
    const lane = this.#carrier.lane(carried, (from, data) => events.onReceived(data, from));
    let isClosed = false;
    stream.once("close", () => {
      if (!isClosed) events.onEnded();
    });
    // Only its end means something.
    stream.once("end", () => stream.destroy());
    stream.resume();
    return {
      send: (data, to) => !stream.destroyed && lane.send(to, data),
      close: () => {
        isClosed = true;
        stream.abortCode = STREAM_CODES.none;
        stream.destroy();
      },
    };
  }

  /** Takes no more; closes once nothing rides it. */
  retire(): void {
    this.#isRetired = true;
    this.#closeIfDone();
  }

  /** Ends what rides it. */
  async close(): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    await this.#carrier.close();
  }

  #open(carried = this.#carrier.openStream()): PacketStream {
    const stream = new PacketStream(carried);
    // Errors end the stream, which whoever carries it hears of by itself.
    stream.on("error", () => undefined);
    this.#streams.add(stream);
    stream.once("close", () => {
      this.#streams.delete(stream);
      this.#closeIfDone();
    });
    return stream;
  }

  #closeIfDone(): void {
    if (this.#isRetired && this.#streams.size === 0) void this.#carrier.close();
  }
}

/**
 * What `ask` resolves with, on the next session where the far end did not know this one: it was started anew. It has answered
 * nothing, so nothing but the question can have reached anybody.
 */
async function onceMore<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const { cause } = error as { cause?: { closeCode?: unknown } };
    if (signal.aborted || cause?.closeCode !== "reset") throw error;
    return ask();
  }
}

/** What the far end answers. A stream that gets no connection, or has lost it again meanwhile, is destroyed. */
async function answered(
  stream: PacketStream,
  signal: AbortSignal,
): Promise<{ address: string; port: number }> {
  const late = setTimeout(() => give("dial_timeout"), UDPACK_TUNNEL_LIMITS.ANSWER_MS);
  let gaveUp: CausewayError | undefined;
  function give(code: "dial_timeout" | "dial_failed"): void {
    gaveUp = new CausewayError(code);
    stream.abortCode = code === "dial_timeout" ? STREAM_CODES.timeout : STREAM_CODES.aborted;
    stream.destroy();
  }
  const onAbort = (): void => give("dial_failed");
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  try {
    const answer = readAnswer(await firstOf(stream));
    // An answer and a reset may come in one datagram: who waits for the stream's close must not wait for one that was.
    if (stream.destroyed) throw new CausewayError("dial_failed", "The target closed the connection at once");
    return answer;
  } catch (error) {
    stream.destroy();
    throw gaveUp ?? error;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", onAbort);
  }
}

async function firstOf(stream: PacketStream): Promise<ReadPacket> {
  try {
    return await stream.first();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CausewayError("tunnel_failed", `Cannot use the tunnel: ${why}`, { cause: error });
  }
}
