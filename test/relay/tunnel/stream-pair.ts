// A stream of the tunnel's transport in memory, for its tests.

import { type Duplex, duplexPair } from "node:stream";
import type { CarrierStream } from "../../../relay/tunnel/carrier.ts";

/** A stream's two ends; what one aborts, the other sees as an error with the code. */
export function streamPair(id: number): [CarrierStream & Aborted, CarrierStream & Aborted] {
  const [a, b] = duplexPair();
  return [endOf(a, b, id), endOf(b, a, id)];
}

interface Aborted {
  /** The code that this end was aborted with. */
  aborted: number | undefined;
}

function endOf(end: Duplex, other: Duplex, id: number): CarrierStream & Aborted {
  return Object.assign(end, {
    id,
    aborted: undefined,
    abort(this: CarrierStream & Aborted, code: number) {
      this.aborted = code;
      end.destroy();
      other.destroy(Object.assign(new Error("aborted"), { streamCode: code }));
    },
  });
}
