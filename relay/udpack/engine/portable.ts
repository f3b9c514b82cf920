// The engine for every system: one node:dgram call per datagram.

import { DgramEngine } from "./dgram-engine.ts";
import { openDgramSocket } from "./dgram-socket.ts";
import type { EngineOptions, PacketEngine, Remote } from "./engine.ts";

class PortableEngine extends DgramEngine {
  readonly kind = "portable";
  readonly forbidsFragments = false;

  protected sendBatch(length: number, segment: number, remote: Remote): void {
    for (let index = 0, at = 0; at < length; index += 1, at += segment) {
      const last = at + segment >= length;
      const whole = at + segment <= length;
      this.sendPart(whole ? this.slot(index, segment) : this.batch().subarray(at, length), remote, last);
    }
  }
}

/** Opens a socket that node:dgram alone drives. @throws what the system says about the address or the port */
export async function openPortable({ address, port, listener }: EngineOptions): Promise<PacketEngine> {
  return new PortableEngine(await openDgramSocket(address, { address, port }), listener);
}
