// Whether a request may be sent a second time (RFC 9110 §9.2.2). Pure.

const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** True if sending it twice does what sending it once does, and there is no body, which streams by only once. */
export function isReplayable(method: string, hasBody: boolean): boolean {
  return !hasBody && IDEMPOTENT.has(method);
}
