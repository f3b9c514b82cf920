// Which failures speak of a source, so that another one takes over, and which of the request only.

import { CausewayError, type ErrorCode } from "../../shared/errors.ts";

const FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "not_found",
  "object_unreachable",
  "origin_status",
  "playlist_malformed",
  "playlist_stale",
  "playlist_too_large",
  "relay_refused",
  "relay_unreachable",
  "target_refused",
  "upstream_invalid",
  "upstream_timeout",
  "upstream_unreachable",
]);

/** What a viewer asked for cannot be had, and that says nothing about the source. */
export class ViewersFault extends CausewayError {}

/** Whether another source may do better. */
export function isFault(error: unknown): error is CausewayError {
  return error instanceof CausewayError && FAULTS.has(error.code) && !(error instanceof ViewersFault);
}

/** The same for the code of a failure that another request met. */
export function isFaultCode(code: ErrorCode): boolean {
  return FAULTS.has(code);
}

/** The origin said nothing, as against something that nobody can use. */
export function isSilence({ code }: CausewayError): boolean {
  return code === "upstream_timeout" || code === "upstream_unreachable" || code === "relay_unreachable";
}
