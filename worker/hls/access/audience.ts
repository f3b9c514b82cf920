// Who watches, as one isolate knows it: sessions that the object has let in pass without asking it again, and it is told
// once in a few seconds who of them is still there. While it does not answer nobody is turned away for want of a place.

import { VIEWER_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { ClientTable } from "../../../shared/net/rate-window.ts";
import type { AudienceNews, SeatVerdict, SessionNews } from "../../../shared/viewers/session-table.ts";
import { OneAtATime } from "../../access/one-at-a-time.ts";
import { withDeadline } from "../../directory/deadline.ts";
import type { Env } from "../../env.ts";
import type { Exchange } from "../../exchange.ts";

/** Where a request belongs. */
export type SeatRequest = Omit<SessionNews, "age_ms">;

/** `unknown`: the object did not answer. */
export type EntryVerdict = SeatVerdict | "unknown";

type Host = Pick<Exchange, "env" | "ctx">;

interface Seat {
  request: SeatRequest;
  seenAt: number;
  /** What the object said last; undefined while it has not been asked, or has not answered. */
  verdict: SeatVerdict | undefined;
  verdictAt: number;
}

/** Tells an object who watches. */
export type Report = (env: Env, object: string, news: AudienceNews) => Promise<SeatVerdict[]>;

const callObject: Report = (env, object, news) => env.CHANNEL.getByName(object).audience(news);

/** One per isolate; a class, so that a test can have several isolates in one. */
export class Audiences {
  readonly #report: Report;
  readonly #seats = new ClientTable<Seat>(LIMITS.SEATS_MAX);
  readonly #audiences = new ClientTable<Audience>(LIMITS.AUDIENCES_MAX);

  constructor(report: Report = callObject) {
    this.#report = report;
  }

  /** The sessions that the object `name` counts. */
  of(name: string): Audience {
    const known = this.#audiences.get(name);
    if (known) return known;
    const audience = new Audience(name, this.#seats, this.#report);
    this.#audiences.set(name, audience);
    return audience;
  }
}

export class Audience {
  readonly #object: string;
  readonly #all: ClientTable<Seat>;
  readonly #report: Report;
  readonly #calls = new OneAtATime(LIMITS.ANSWER_DEADLINE_MS);
  /** Those that wait for a verdict, and those that have asked for something since the last report. */
  readonly #waiting = new Map<string, Seat>();
  readonly #due = new Map<string, Seat>();
  #limit = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(object: string, all: ClientTable<Seat>, report: Report) {
    this.#object = object;
    this.#all = all;
    this.#report = report;
  }

  /** Lets a request in or says why not; asks the object only about sessions that this isolate does not know. */
  async enter(host: Host, request: SeatRequest, limit: number): Promise<EntryVerdict> {
    const now = Date.now();
    this.#limit = limit;
    const key = this.#key(request);
    const seat = this.#all.get(key);
    const known = seat && standing(seat, request, limit, now);
    if (seat && known !== undefined) {
      if (known === "in") this.#touch(host, seat, now);
      return known;
    }
    const fresh: Seat = { request, seenAt: now, verdict: undefined, verdictAt: now };
    if (!mustAsk(request, limit)) {
      fresh.verdict = "in";
      this.#all.set(key, fresh);
      this.#touch(host, fresh, now);
      return "in";
    }
    const verdict = await this.#ask(host, fresh);
    // Let in on trust: the object is told as soon as it answers, and may say otherwise then.
    if (verdict === "unknown" && !request.expired) {
      fresh.verdict = "in";
      this.#touch(host, fresh, Date.now());
    }
    if (fresh.verdict !== undefined) this.#all.set(key, fresh);
    return verdict;
  }

  /** The session goes on: something of it is still being sent. False: the object has turned it away since. */
  stay(host: Host, request: SeatRequest): boolean {
    const seat = this.#all.get(this.#key(request));
    if (!seat) return true;
    if (seat.verdict !== "in") return seat.verdict === undefined;
    this.#touch(host, seat, Date.now());
    return true;
  }

  #touch(host: Host, seat: Seat, now: number): void {
    seat.seenAt = now;
    if (this.#due.size < LIMITS.SESSIONS_MAX) this.#due.set(this.#key(seat.request), seat);
    if (isWithin(now, this.#reportedAt, LIMITS.REPORT_MS) || this.#isPaused(now) || this.#calls.isBusy)
      return;
    this.#reportedAt = now;
    host.ctx.waitUntil(this.#calls.run(host.ctx, () => this.#send(host.env)));
  }

  async #ask(host: Host, seat: Seat): Promise<EntryVerdict> {
    const key = this.#key(seat.request);
    if (this.#waiting.size >= LIMITS.SESSIONS_MAX) return "full";
    const asked = this.#waiting.get(key) ?? seat;
    this.#waiting.set(key, asked);
    // The call under way may have begun before this one was put on its list.
    for (let round = 0; round < 3 && asked.verdict === undefined; round++) {
      if (this.#isPaused(Date.now())) break;
      await this.#calls.run(host.ctx, () => this.#send(host.env));
    }
    if (this.#waiting.get(key) === asked) this.#waiting.delete(key);
    seat.verdict = asked.verdict;
    // An object that answers, but not yet about this one, is besieged: whoever asks again later will be told.
    return asked.verdict ?? (this.#isPaused(Date.now()) ? "unknown" : "full");
  }

  /** One report. Never rejects. */
  async #send(env: Env): Promise<void> {
    const now = Date.now();
    this.#reportedAt = now;
    const seats = [...this.#waiting.values(), ...this.#due.values()].slice(0, LIMITS.REPORT_SESSIONS_MAX);
    // Now, not with the answer: those that wait may have lost their context by then, and would be left behind.
    for (const seat of seats) {
      const key = this.#key(seat.request);
      if (this.#waiting.get(key) === seat) this.#waiting.delete(key);
      if (this.#due.get(key) === seat) this.#due.delete(key);
    }
    const sessions = seats.map((seat) => newsOf(seat, now));
    try {
      const news = { limit: this.#limit, sessions };
      const call = this.#report(env, this.#object, news);
      const verdicts = await withDeadline(call, LIMITS.ANSWER_DEADLINE_MS);
      for (const [index, seat] of seats.entries()) {
        seat.verdict = verdicts[index] ?? seat.verdict;
        seat.verdictAt = now;
      }
    } catch {
      this.#failedAt = Date.now();
    }
  }

  /** Two clients that claim one session are judged apart. */
  #key({ id, client }: SeatRequest): string {
    return `${this.#object}\n${id}\n${client}`;
  }

  #isPaused(now: number): boolean {
    return isWithin(now, this.#failedAt, LIMITS.RETRY_MS);
  }
}

/** Who has been let in here goes on past the expiry, also when the object has lost its memory. */
function newsOf({ request, seenAt, verdict }: Seat, now: number): SessionNews {
  const expired = request.expired && verdict !== "in";
  return { ...request, expired, age_ms: Math.max(0, now - seenAt) };
}

/** What this isolate knows of a session, if that is enough. */
function standing(seat: Seat, request: SeatRequest, limit: number, now: number): SeatVerdict | undefined {
  const { verdict } = seat;
  if (verdict !== undefined && verdict !== "in")
    return isWithin(now, seat.verdictAt, LIMITS.REFUSED_MS) ? verdict : undefined;
  if (verdict === undefined) return undefined;
  if (isWithin(now, seat.seenAt, LIMITS.ACTIVE_MS)) return "in";
  const isBound = limit > 0 || request.group_max > 0 || request.client !== "";
  return !isBound && request.expired && isWithin(now, seat.seenAt, LIMITS.RESUME_MS) ? "in" : undefined;
}

function mustAsk({ expired, group_max, client }: SeatRequest, limit: number): boolean {
  return limit > 0 || group_max > 0 || client !== "" || expired;
}

/** A time that lies ahead was left behind by a clock that went back. */
function isWithin(now: number, since: number, ms: number): boolean {
  return now >= since && now - since < ms;
}

/** The one of this isolate. */
export const audiences = new Audiences();
