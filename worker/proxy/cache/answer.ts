// Answers to clients: from a stored reply, by the client's conditions and ranges, or straight from the upstream with a word
// on what the cache did. The steps after this one treat both alike.

import {
  contentRange,
  multipartBody,
  type Part,
  parseRanges,
  rangeField,
} from "../../../shared/http/cache/byte-ranges.ts";
import { type CacheStatus, cacheStatusField } from "../../../shared/http/cache/cache-status.ts";
import { isNotModified, isRangeAllowed, notModifiedFields } from "../../../shared/http/cache/conditions.ts";
import { ageSeconds, type Head } from "../../../shared/http/cache/entry.ts";
import type { Upstream } from "../call.ts";
import type { Answer } from "../upstream.ts";
import { readBody } from "./edge.ts";
import type { Quest } from "./quest.ts";
import type { Stored } from "./slot.ts";

/** Statuses whose replies have no body. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/** The upstream's own answer, with Cache-Status. */
export function passedOn({ response, upstream }: Answer, status: CacheStatus): Answer {
  const reply = new Response(response.body, encoded(response));
  reply.headers.set("cache-status", cacheStatusField(status, response.headers.get("cache-status")));
  reply.headers.delete("surrogate-control");
  return { response: reply, upstream };
}

/** What makes a response of the same head: an encoded body must be marked as encoded already. */
export function encoded({ status, statusText, headers }: Response): ResponseInit {
  return {
    status,
    statusText,
    headers,
    encodeBody: headers.has("content-encoding") ? "manual" : "automatic",
  };
}

/** The answer from a stored reply; undefined when its body has gone from the data centre's cache. */
export async function answerFrom(
  quest: Quest,
  stored: Stored,
  status: CacheStatus,
): Promise<Answer | undefined> {
  const { call, method } = quest;
  const { headers: asked } = call.x.request;
  const { head } = stored;
  const upstream = (call.plan.upstreams[head.upstream] ?? call.plan.upstreams[0]) as Upstream;
  const fields = replyFields(head, status);
  if (head.status === 200 && isNotModified(asked, head.fields, head.bornAt))
    return bodiless(upstream, 304, "", notModifiedFields(fields));
  if (method === "HEAD" || BODILESS.has(head.status)) {
    if (!BODILESS.has(head.status)) fields.set("content-length", String(stored.length));
    return bodiless(upstream, head.status, head.statusText, fields);
  }
  const parts =
    head.status === 200 && asked.has("range") && isRangeAllowed(asked, head.fields)
      ? parseRanges(asked.get("range"), stored.length)
      : undefined;
  if (parts?.length === 0) return outOfRange(upstream, fields, stored.length);
  // Clients would decode the parts of an encoded body with the lines between them.
  const isCut = parts?.length === 1 || !fields.has("content-encoding");
  const wanted = isCut ? parts : undefined;
  if (stored.body) return inMemory(upstream, head, fields, { body: stored.body, parts: wanted });
  return inEdge(upstream, stored, fields, wanted);
}

function replyFields(head: Head, status: CacheStatus): Headers {
  const fields = new Headers(head.fields);
  fields.set("age", String(ageSeconds(head, Date.now())));
  fields.set("cache-status", cacheStatusField(status, null));
  fields.delete("surrogate-control");
  return fields;
}

function bodiless(upstream: Upstream, status: number, statusText: string, headers: Headers): Answer {
  return { response: new Response(null, { status, statusText, headers }), upstream };
}

function outOfRange(upstream: Upstream, fields: Headers, length: number): Answer {
  const headers = notModifiedFields(fields);
  headers.set("content-range", `bytes */${length}`);
  headers.set("content-length", "0");
  return bodiless(upstream, 416, "", headers);
}

function inMemory(
  upstream: Upstream,
  head: Head,
  fields: Headers,
  { body, parts }: { body: Uint8Array; parts: readonly Part[] | undefined },
): Answer {
  const [part] = parts ?? [];
  if (!parts || !part) {
    fields.set("content-length", String(body.byteLength));
    return whole(upstream, { status: head.status, statusText: head.statusText, headers: fields }, body);
  }
  if (parts.length === 1) {
    fields.set("content-range", contentRange(part, body.byteLength));
    fields.set("content-length", String(part.last - part.first + 1));
    return whole(upstream, { status: 206, headers: fields }, body.subarray(part.first, part.last + 1));
  }
  const boundary = crypto.randomUUID();
  const multipart = multipartBody(body, parts, { boundary, type: fields.get("content-type") });
  fields.set("content-type", `multipart/byteranges; boundary=${boundary}`);
  fields.set("content-length", String(multipart.byteLength));
  return whole(upstream, { status: 206, headers: fields }, multipart);
}

function whole(upstream: Upstream, init: ResponseInit, body: Uint8Array): Answer {
  return { response: new Response(null, init), upstream, whole: body };
}

/** A large body is cut by the platform; several parts of it are not put together, which leaves all of it (RFC 9110 14.2). */
async function inEdge(
  upstream: Upstream,
  { head, length, bodyId }: Stored,
  fields: Headers,
  parts: readonly Part[] | undefined,
): Promise<Answer | undefined> {
  if (bodyId === undefined) return undefined;
  const part = parts?.length === 1 ? parts[0] : undefined;
  const found = await readBody(bodyId, part && rangeField(part));
  if (!found?.body) return undefined;
  if (part && found.status !== 206) {
    await found.body.cancel();
    return undefined;
  }
  fields.set("content-length", String(part ? part.last - part.first + 1 : length));
  if (part) fields.set("content-range", contentRange(part, length));
  const status = part ? 206 : head.status;
  const encodeBody = fields.has("content-encoding") ? "manual" : "automatic";
  return { response: new Response(found.body, { status, headers: fields, encodeBody }), upstream };
}
