// A question to the imports object, for requests: they wait for it no longer than a client would.

import { CausewayError } from "../../shared/errors.ts";
import { LIST_LIMITS } from "../../shared/limits.ts";
import { withDeadline } from "../directory/deadline.ts";

/** What `call` resolves to. @throws CausewayError `object_unreachable` */
export async function askImports<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await withDeadline(call(), LIST_LIMITS.CALL_DEADLINE_MS);
  } catch (cause) {
    throw new CausewayError("object_unreachable", undefined, { cause });
  }
}
