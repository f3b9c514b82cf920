// The engine for Linux: the kernel cuts one large send into datagrams (UDP_SEGMENT) and hands several received ones over
// as one (UDP_GRO). The socket is made through libc.ts and then driven by node:dgram.

import { UDPACK_ENGINE_LIMITS } from "../../../shared/limits.ts";
import { DgramEngine } from "./dgram-engine.ts";
import { openDgramSocket } from "./dgram-socket.ts";
import type { EngineOptions, PacketEngine, Remote } from "./engine.ts";
import type { Libc } from "./libc.ts";

/** What the kernel answers where the way's device cannot compute the checksums of segments. EINVAL and EMSGSIZE only mean
 * a datagram that is too large, or an address of another family. */
const NO_SEGMENTS = "EIO";

class OffloadEngine extends DgramEngine {
  readonly forbidsFragments = true;
  readonly #libc: Libc;
  readonly #fd: number;
  #segment = 0;
  #segmenting = true;

  constructor(libc: Libc, fd: number, ...rest: ConstructorParameters<typeof DgramEngine>) {
    super(...rest);
    this.#libc = libc;
    this.#fd = fd;
  }

  get kind(): "offload" | "portable" {
    return this.#segmenting ? "offload" : "portable";
  }

  protected sendBatch(length: number, segment: number, remote: Remote): void {
    if (!this.#segmenting) {
      this.#sendSingly(length, segment, remote);
      return;
    }
    const most = segment * UDPACK_ENGINE_LIMITS.SEGMENTS_MAX;
    for (let at = 0; at < length; at += most) {
      const end = Math.min(length, at + most);
      if (!this.#prepare(end - at, segment)) {
        this.#sendSingly(length, segment, remote);
        return;
      }
      this.sendPart(this.batch().subarray(at, end), remote, end === length);
    }
  }

  protected override refused(error: NodeJS.ErrnoException): void {
    super.refused(error);
    if (error.code === NO_SEGMENTS) this.#stopSegmenting();
  }

  /** The segment size is the socket's: it must be that of the batch, and never cut a single datagram in two. */
  #prepare(length: number, segment: number): boolean {
    const needed =
      length > segment ? this.#segment !== segment : this.#segment !== 0 && this.#segment < length;
    if (!needed) return true;
    const bytes = Math.min(length, segment);
    if (!this.#libc.setSegment(this.#fd, bytes)) {
      this.#stopSegmenting();
      return false;
    }
    this.#segment = bytes;
    return true;
  }

  #stopSegmenting(): void {
    if (!this.#segmenting || this.closed) return;
    this.#segmenting = false;
    this.#libc.setSegment(this.#fd, 0);
  }

  #sendSingly(length: number, segment: number, remote: Remote): void {
    for (let at = 0; at < length; at += segment) {
      const end = Math.min(length, at + segment);
      this.sendPart(this.batch().subarray(at, end), remote, end === length);
    }
  }
}

/** Opens a segmenting socket; undefined: the system refused, and the portable engine will say why. */
export async function openOffload(
  libc: Libc,
  { address, port, listener }: EngineOptions,
): Promise<PacketEngine | undefined> {
  const fd = libc.openUdp(address, port, true, UDPACK_ENGINE_LIMITS.SOCKET_BUFFER_BYTES);
  if (fd === undefined) return undefined;
  try {
    return new OffloadEngine(libc, fd, await openDgramSocket(address, { fd }), listener);
  } catch {
    // A descriptor that dgram did not take over is still this process's.
    libc.close(fd);
    return undefined;
  }
}
