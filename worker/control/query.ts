// Reads what a request asks for: JSON bodies and orders to relays, checked by schemas whose first problem is told.

import * as v from "valibot";
import { bodyProblem } from "../../shared/control/body-problem.ts";
import { CausewayError } from "../../shared/errors.ts";
import { CONTROL_LIMITS } from "../../shared/limits.ts";
import { readJson } from "./body.ts";
import type { ControlExchange } from "./exchange.ts";

/**
 * The request's body as `schema` has it.
 * @throws CausewayError `bad_request` naming the key; `request_too_large`
 */
export async function readOrder<T extends v.GenericSchema>(
  x: ControlExchange,
  schema: T,
): Promise<v.InferOutput<T>> {
  const body = v.safeParse(schema, await readJson(x.request, CONTROL_LIMITS.BODY_BYTES_MAX));
  if (body.success) return body.output;
  throw new CausewayError("bad_request", bodyProblem(body.issues));
}
