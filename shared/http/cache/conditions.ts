// Conditional requests, both ways: a client's conditions judged against a stored response, and the validators by which a
// stored response is validated with its upstream (RFC 9110 section 13, RFC 9111 section 4.3). Pure.

import { parseHttpDate } from "./http-date.ts";

/** An entity tag without its weakness. */
function opaque(tag: string): string {
  const text = tag.trim();
  return text.startsWith("W/") ? text.slice(2) : text;
}

/** The tags of a list; a comma may stand within the quotes of one. */
function tagsOf(list: string): string[] {
  return (list.match(/(?:W\/)?"[^"]*"|[^\s,]+/g) ?? []).map(opaque);
}

/** True when If-None-Match names `etag` (weak comparison, RFC 9110 section 13.1.2). */
export function namesTag(list: string, etag: string | null): boolean {
  if (list.trim() === "*") return true;
  return etag !== null && tagsOf(list).includes(opaque(etag));
}

/**
 * True when the client has this stored response already, and a 304 answers it (RFC 9111 section 4.3.2). `bornAt` stands in
 * for a missing Last-Modified.
 */
export function isNotModified(request: Headers, stored: Headers, bornAt: number): boolean {
  const tags = request.get("if-none-match");
  // The date counts only without tags (RFC 9110 section 13.1.3).
  if (tags !== null) return namesTag(tags, stored.get("etag"));
  const since = parseHttpDate(request.get("if-modified-since"), bornAt);
  if (since === undefined) return false;
  const changed =
    parseHttpDate(stored.get("last-modified"), bornAt) ?? parseHttpDate(stored.get("date"), bornAt);
  return (changed ?? bornAt) <= since;
}

/** True if a Range may be answered from the stored response: If-Range is absent or names exactly it (RFC 9110 13.1.5). */
export function isRangeAllowed(request: Headers, stored: Headers): boolean {
  const condition = request.get("if-range");
  if (condition === null) return true;
  const text = condition.trim();
  if (text.startsWith('"')) return text === stored.get("etag");
  // Only a strong tag or an exact date tells that the parts fit together.
  return !text.startsWith("W/") && text !== "" && text === stored.get("last-modified");
}

/** True if a request has conditions of its own that only the upstream can judge. */
export function hasPreconditions(request: Headers): boolean {
  return request.has("if-match") || request.has("if-unmodified-since");
}

/** True if a stored response can be validated. */
export function hasValidator(stored: Headers): boolean {
  return stored.has("etag") || stored.has("last-modified");
}

/** Makes a request a validation of the stored response, in place: the client's own conditions are judged afterwards. */
export function setValidators(request: Headers, stored: Headers): void {
  for (const name of ["if-none-match", "if-modified-since", "if-range", "range"]) request.delete(name);
  const etag = stored.get("etag");
  const changed = stored.get("last-modified");
  if (etag !== null) request.set("if-none-match", etag);
  if (changed !== null) request.set("if-modified-since", changed);
}

/** Fields of a stored response that its 304 repeats (RFC 9110 section 15.4.5); the others describe a body it lacks. */
export function notModifiedFields(fields: Headers): Headers {
  const kept = new Headers(fields);
  for (const name of ["content-length", "content-encoding", "content-type", "content-range", "content-md5"])
    kept.delete(name);
  return kept;
}
