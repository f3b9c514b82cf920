// An upstream's answer on its way into the cache. A short body is taken whole before the reply begins, one of unknown length
// is collected while it streams, a large one is copied on the side. Only what has come to its end is stored.

import { CausewayError } from "../../../shared/errors.ts";
import type { Forwarded } from "../../../shared/http/cache/cache-status.ts";
import { hasValidator } from "../../../shared/http/cache/conditions.ts";
import { controlOf } from "../../../shared/http/cache/control.ts";
import { headOf, type Received } from "../../../shared/http/cache/entry.ts";
import { type Refusal, refusalOf } from "../../../shared/http/cache/storable.ts";
import { varyNames } from "../../../shared/http/cache/vary.ts";
import { contentLength } from "../../../shared/http/headers.ts";
import { BODY_LIMITS, CACHE_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { Chunks } from "../../cache/chunks.ts";
import { within } from "../../cache/deadline.ts";
import { Reservations } from "../../cache/reservations.ts";
import { Copy } from "../../copy.ts";
import type { Answer } from "../upstream.ts";
import { encoded, passedOn } from "./answer.ts";
import { writeBody } from "./edge.ts";
import type { Quest } from "./quest.ts";
import type { Stored } from "./slot.ts";

/** A reply that may be kept, and by which fields of requests it was chosen. */
export interface Kept {
  readonly stored: Stored;
  readonly names: readonly string[];
  readonly requestedAt: number;
}

export interface Filled {
  readonly answer: Answer;
  /** Why it is not stored. */
  readonly refusal: Refusal | "too-large" | undefined;
  /** Resolves once all of it is here, with what is to be kept, or undefined if it did not come to that. Never rejects. */
  readonly kept: Kept | undefined | Promise<Kept | undefined>;
}

const fetches = new Reservations(LIMITS.FETCHES_BYTES_MAX, LIMITS.COPY_LAPSE_MS);
const copies = new Reservations(LIMITS.COPIES_BYTES_MAX, LIMITS.COPY_LAPSE_MS);

/**
 * Takes an answer in.
 * @throws CausewayError `upstream_invalid` when a short body breaks off, `upstream_timeout` when it stands still
 */
export async function fill(
  quest: Quest,
  answer: Answer,
  received: Received,
  forwarded: Forwarded,
): Promise<Filled> {
  const { response } = answer;
  const { status } = response;
  const judged = judgeStorable(quest, received);
  if ("refusal" in judged) return refused(answer, forwarded, judged.refusal);
  const { head, names } = judged;
  const { requestedAt } = received;
  const kept = (stored: Omit<Stored, "kind" | "head">): Kept => ({
    stored: { kind: "reply", head, ...stored },
    names,
    requestedAt,
  });
  const length = response.body === null ? 0 : contentLength(response.headers);
  // Of a body that is still on its way nobody knows yet whether it will be stored.
  const onItsWay = { hit: false, forwarded, status, stored: false } as const;
  const reserve = Math.min(length ?? LIMITS.WHOLE_BODY_BYTES_MAX, LIMITS.WHOLE_BODY_BYTES_MAX);
  const giveBack = (length ?? 0) > reserve ? undefined : fetches.take(reserve, received.receivedAt);
  if (giveBack && length !== undefined) {
    const body = await readWhole(quest, response, length).finally(giveBack);
    const reply = passedOn(
      { ...answer, response: new Response(null, encoded(response)) },
      { ...onItsWay, stored: true },
    );
    const whole = response.body === null ? {} : { whole: body };
    return {
      answer: { ...reply, ...whole },
      refusal: undefined,
      kept: kept({ length, body, bodyId: undefined }),
    };
  }
  if (giveBack) {
    const { reply, body } = collected(quest, response);
    const whole = body.then((bytes) => {
      giveBack();
      return bytes && kept({ length: bytes.byteLength, body: bytes, bodyId: undefined });
    });
    return { answer: passedOn({ ...answer, response: reply }, onItsWay), refusal: undefined, kept: whole };
  }
  const bodyId = length === undefined ? undefined : copied(quest, response, length);
  if (length === undefined || bodyId === undefined) return refused(answer, forwarded, "too-large");
  const stored = bodyId.then((id) =>
    id === undefined ? undefined : kept({ length, body: undefined, bodyId: id }),
  );
  return { answer: passedOn(answer, onItsWay), refusal: undefined, kept: stored };
}

function refused(answer: Answer, forwarded: Forwarded, refusal: Refusal | "too-large"): Filled {
  const { status } = answer.response;
  const reply = passedOn(answer, { hit: false, forwarded, status, stored: false, refusal });
  return { answer: reply, refusal, kept: undefined };
}

type Judged =
  | { readonly refusal: Refusal }
  | { readonly head: ReturnType<typeof headOf>; readonly names: readonly string[] };

function judgeStorable({ asked }: Quest, received: Received): Judged {
  const { status, headers, receivedAt } = received;
  const refusal = refusalOf(status, headers, controlOf(headers), asked);
  if (refusal) return { refusal };
  const names = varyNames(headers.get("vary"));
  if (!names) return { refusal: "vary" };
  const head = headOf(received);
  const { whileRevalidateMs, ifErrorMs, ifUnreachableMs } = head.grace;
  // What is stale on arrival is of use only if it may be validated, or stand in.
  const staleMs = Math.max(whileRevalidateMs, ifErrorMs, head.freshMs > 0 ? ifUnreachableMs : 0);
  const isUseless = head.bornAt + head.freshMs + staleMs <= receivedAt && !hasValidator(headers);
  return isUseless ? { refusal: "not-explicit" } : { head, names };
}

/** A short body. The runtime sees to its length where it reads one; an early end is a failure. */
async function readWhole({ call, patience }: Quest, response: Response, length: number): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array(0);
  const codes = { late: "upstream_timeout", broken: "upstream_invalid" } as const;
  // Nobody sees it move: besides the idle timeout it gets its time at the lowest rate in use.
  const leastMs = (length * 1_000) / BODY_LIMITS.PIPED_BYTES_PER_S_MIN;
  const body = await patience(response.arrayBuffer(), call.plan.config.body_idle_timeout + leastMs, codes);
  if (body.byteLength !== length) throw new CausewayError("upstream_invalid");
  return new Uint8Array(body);
}

/**
 * A body of unknown length, streaming to the client at once and collected while it is small enough to be kept. `body` is
 * known as soon as it turns out that it is not.
 */
function collected(
  { call }: Quest,
  response: Response,
): { reply: Response; body: Promise<Uint8Array | undefined> } {
  const { readable, writable } = new IdentityTransformStream();
  const { promise: body, resolve } = Promise.withResolvers<Uint8Array | undefined>();
  const chunks = new Chunks();
  let isSmall = true;
  const copy = new Copy(response.body as ReadableStream<Uint8Array>, writable, {
    ahead: () => isSmall,
    // The reply's own watch ends with its client; this goes on.
    patience: (read) => within(read, call.plan.config.body_idle_timeout, late),
    inspect(piece) {
      if (!isSmall) return;
      chunks.add(piece);
      if (chunks.bytes <= LIMITS.WHOLE_BODY_BYTES_MAX) return;
      isSmall = false;
      chunks.drop();
      resolve(undefined);
    },
  });
  const copied = copy.run().then((end) => resolve(end === "whole" && isSmall ? chunks.join() : undefined));
  call.x.ctx.waitUntil(copied);
  return { reply: new Response(readable, encoded(response)), body };
}

function late(): never {
  throw new CausewayError("upstream_timeout");
}

/** A large body, copied into the data centre's cache while it streams: the id of the copy once it is whole. */
function copied(
  { call }: Quest,
  response: Response,
  length: number,
): Promise<string | undefined> | undefined {
  if (length > LIMITS.STREAMED_BODY_BYTES_MAX) return undefined;
  const giveBack = copies.take(length, Date.now());
  if (!giveBack) return undefined;
  const copy = response.clone();
  if (!copy.body) return undefined;
  const id = crypto.randomUUID();
  const written = writeBody(id, copy.body, length, LIMITS.KEEP_MS_MAX).then((isWhole) => {
    giveBack();
    return isWhole ? id : undefined;
  });
  call.x.ctx.waitUntil(written);
  return written;
}
