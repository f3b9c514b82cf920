// Breaking a stream off, as opposed to ending it: the peer must not take a part for the whole.

import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";

/**
 * Destroys `stream` at once; a TCP peer that has not been sent everything sees a reset, a TLS peer no close_notify. Unsent
 * bytes are dropped.
 */
export function breakOff(stream: Duplex): void {
  if (stream.destroyed) return;
  // libuv refuses to reset a socket whose shutdown is under way, and Node then forgets the handle without closing it: the
  // descriptor leaks and no `close` comes. Everything has been sent by then, so an orderly close tells no lie.
  const shuttingDown = stream.writableEnded && stream.writableLength === 0 && !stream.writableFinished;
  // Only a TCP handle can be reset: on one of TLS the call throws.
  const isTcp = stream instanceof Socket && !(stream instanceof TLSSocket);
  if (isTcp && !shuttingDown) stream.resetAndDestroy();
  else stream.destroy();
}
