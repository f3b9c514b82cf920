// What passes between edge and origin through the ingress, and how the relay's own refusals are told from what an origin
// answers. Pure.

import type { ErrorCode } from "../../shared/errors.ts";
import { INGRESS_FIELDS } from "../../shared/ingress/signature.ts";
import type { IngressTarget } from "../../shared/ingress/target.ts";
import { type ErrorAnswer, errorAnswer } from "./http-error.ts";
import { endToEndFields } from "./http-fields.ts";

/** Expect has been answered by this server: 100 Continue is each hop's own affair (RFC 9110 section 10.1.1). */
const NOT_FOR_ORIGINS = ["host", "expect", INGRESS_FIELDS.TARGET, INGRESS_FIELDS.SIGNATURE];
const NOT_FROM_ORIGINS = [INGRESS_FIELDS.ERROR];

/** The fields for the origin, names and values in turn; what the edge says of its client stays. */
export function originFields(raw: readonly string[], { authority }: IngressTarget): string[] {
  return ["Host", authority, ...endToEndFields(raw, NOT_FOR_ORIGINS)];
}

/** The origin's fields for the edge. None of them may pass for a refusal of the relay's. */
export function edgeFields(raw: readonly string[]): string[] {
  return endToEndFields(raw, NOT_FROM_ORIGINS);
}

/** The relay's own refusal. */
export function ingressRefusal(code: ErrorCode): ErrorAnswer {
  const { status, headers, body } = errorAnswer(code);
  return { status, headers: [...headers, "X-Causeway-Relay-Error", code], body };
}
