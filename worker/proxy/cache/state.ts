// What the HTTP cache knows in one isolate, for all hosts: keys tell them apart.

import type { ErrorCode } from "../../../shared/errors.ts";
import { CACHE_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { ByteLru } from "../../cache/byte-lru.ts";
import { Flights } from "../../cache/flights.ts";
import type { Stored } from "./slot.ts";
import { ReplyStore } from "./store.ts";

/** How a fetch ended that others waited for. */
export type Outcome =
  | {
      readonly stored: Stored;
      readonly names: readonly string[];
      /** The values of those fields in the request that fetched it. */
      readonly selection: string;
      readonly requestedAt: number;
    }
  | { readonly code: ErrorCode }
  /** The upstream answered with an error of its own: whoever has something stale takes it. */
  | { readonly failed: true };

export const replies = new ReplyStore();

export const flights = new Flights<Outcome>();

/** Until when the replies of a key are taken for such as may not be shared: nobody waits for another's. */
export const passes = new ByteLru<number>(LIMITS.PASSES_BYTES_MAX);

/** Until when the upstream of a key is not asked again, while something stale stands in. */
export const failures = new ByteLru<number>(LIMITS.PASSES_BYTES_MAX);
