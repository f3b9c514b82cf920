// A UDPack client without an endpoint, for tests that break the rules: it shakes hands and seals packets itself, and says
// when and from where each datagram leaves.

import { randomBytes } from "node:crypto";
import { choosePrimitives } from "../../relay/udpack/crypto/choose.ts";
import { DEFAULT_PARAMETERS } from "../../relay/udpack/crypto/params.ts";
import type { EstablishedKeys } from "../../relay/udpack/handshake/established.ts";
import { Initiator } from "../../relay/udpack/handshake/initiator.ts";
import { Timestamps } from "../../relay/udpack/handshake/timestamps.ts";
import { writeStreamHeader } from "../../relay/udpack/wire/frame-writers.ts";
import { STREAM_HEADER_BYTES } from "../../relay/udpack/wire/frames.ts";
import {
  DATA_HEADER_BYTES,
  DATA_OVERHEAD_BYTES,
  PacketView,
  readPacket,
} from "../../relay/udpack/wire/packet.ts";
import { CLIENT_KEYS, SERVER_KEYS } from "./udpack.ts";

const timestamps = new Timestamps();

/** Credit for everything that a test can send. */
const PARAMETERS = { ...DEFAULT_PARAMETERS, maxData: 2 ** 40, maxStreamData: 2 ** 30 };

export class RawClient {
  readonly #initiator = new Initiator({
    primitives: choosePrimitives(),
    own: CLIENT_KEYS,
    serverPublic: SERVER_KEYS.public,
    parameters: PARAMETERS,
    timestamps,
  });
  readonly #into = new Uint8Array(65_536);
  #session: EstablishedKeys | undefined;

  /** A new initiation. */
  initiation(): Uint8Array {
    return this.#initiator.start(performance.now(), randomBytes, Date.now());
  }

  /** Takes the response; false: it is none. */
  answered(response: Uint8Array): boolean {
    const event = this.#initiator.receive(response, performance.now());
    if (event && "session" in event) this.#session = event.session;
    return this.#session !== undefined;
  }

  get #established(): EstablishedKeys {
    if (this.#session === undefined) throw new Error("Cannot use the session: there is none");
    return this.#session;
  }

  /** A datagram of one packet with these frames. */
  sealed(frames: Uint8Array): Uint8Array {
    const { keys } = this.#established;
    const datagram = new Uint8Array(frames.length + DATA_OVERHEAD_BYTES);
    datagram.set(frames, DATA_HEADER_BYTES);
    keys.sealPacket(datagram, 0, frames.length, keys.nextNumber(), performance.now());
    return datagram;
  }

  /** The frames of all packets of a datagram that open. */
  *opened(datagram: Uint8Array): Generator<Uint8Array> {
    const view = new PacketView();
    for (let at = 0; readPacket(datagram, at, view); at = view.end) {
      const length = this.#established.keys.openPacket(view, this.#into, performance.now());
      if (length >= 0) yield this.#into.slice(0, length);
    }
  }
}

/** A STREAM frame. */
export function streamFrame(id: number, text: string): Uint8Array {
  const data = Buffer.from(text);
  const frame = new Uint8Array(STREAM_HEADER_BYTES + data.length);
  frame.set(data, writeStreamHeader(frame, 0, id, 0, data.length, false));
  return frame;
}
