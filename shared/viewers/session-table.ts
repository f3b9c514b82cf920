// Who watches a channel, or by a subscription: a table that decides who gets a place and who goes on past a token's
// expiry. One per object, so that isolates agree. Pure: time comes in as an argument, and every size is bounded.

import { VIEWER_LIMITS as LIMITS } from "../limits.ts";

/** What an isolate tells about one session. */
export interface SessionNews {
  /** Names the session among those of the table. */
  readonly id: string;
  /** The client that it belongs to, if it belongs to one only; else "". */
  readonly client: string;
  /** Sessions that share a bound, such as those of one token, or a network, see {@link networkGroup}; "" for none. */
  readonly group: string;
  /** Sessions of the group that may be active at once; 0: any number. */
  readonly group_max: number;
  /** Milliseconds since the session asked for something. */
  readonly age_ms: number;
  /** Its token has expired: it may go on, not begin. */
  readonly expired: boolean;
}

/** A report of an isolate. */
export interface AudienceNews {
  /** Sessions that may be active at once; 0: any number. */
  readonly limit: number;
  readonly sessions: readonly SessionNews[];
}

/** `full`, `group_full`: no place; `over`: the token has expired, and the session is not under way; `taken`: by another client. */
export type SeatVerdict = "in" | "full" | "group_full" | "over" | "taken";

const NETWORK = "a.";

/**
 * The group of sessions that nothing but their program tells apart within `network`. Anybody can make up programs: where
 * places run out such a group makes room for others, down to VIEWER_LIMITS.NETWORK_PLACES.
 */
export function networkGroup(network: string): string {
  return NETWORK + network;
}

interface Session {
  readonly client: string;
  readonly group: string;
  readonly seenAt: number;
}

export class SessionTable {
  readonly #sessions = new Map<string, Session>();

  get size(): number {
    return this.#sessions.size;
  }

  /** Takes a report in: one verdict per session, in its order. */
  report({ limit, sessions }: AudienceNews, now: number): SeatVerdict[] {
    this.#sweep(now);
    let active = 0;
    const crowds = new Crowds();
    const { groups } = crowds;
    for (const session of this.#sessions.values()) {
      if (!isActive(session, now)) continue;
      active++;
      groups.set(session.group, (groups.get(session.group) ?? 0) + 1);
    }
    return sessions.slice(0, LIMITS.REPORT_SESSIONS_MAX).map((news) => {
      const known = this.#sessions.get(news.id);
      const wasActive = known !== undefined && isActive(known, now);
      const grouped = groups.get(news.group) ?? 0;
      const judged = (isFull: boolean) => judge(news, known, wasActive, { isFull, grouped });
      let verdict = judged(limit > 0 && active >= limit);
      if (verdict === "full" && judged(false) === "in" && this.#makeRoom(news.group, crowds, now)) {
        active--;
        verdict = "in";
      }
      if (verdict !== "in") return verdict;
      if (!wasActive) {
        active++;
        groups.set(news.group, grouped + 1);
      }
      this.#keep(news, now, known);
      return verdict;
    });
  }

  /** Sessions that are active at `now`. */
  active(now: number): number {
    let count = 0;
    for (const session of this.#sessions.values()) if (isActive(session, now)) count++;
    return count;
  }

  /** The table as text, for `restore`. */
  save(): string {
    return JSON.stringify([...this.#sessions].map(([id, row]) => [id, row.client, row.group, row.seenAt]));
  }

  restore(text: string): void {
    const rows = JSON.parse(text) as [id: string, client: string, group: string, seenAt: number][];
    for (const [id, client, group, seenAt] of rows) this.#sessions.set(id, { client, group, seenAt });
  }

  /**
   * Takes a place from the network that holds most, if that is more than it may keep and more than the newcomer's group
   * would have then. True when there is one.
   */
  #makeRoom(group: string, crowds: Crowds, now: number): boolean {
    const own = group.startsWith(NETWORK) ? (crowds.groups.get(group) ?? 0) : 0;
    const { name, count } = crowds.largest;
    if (count <= Math.max(LIMITS.NETWORK_PLACES, own + 1)) return false;
    // The first is the one that was silent longest: who only claims places asks for nothing.
    for (const [id, session] of this.#sessions) {
      if (session.group !== name || !isActive(session, now)) continue;
      this.#sessions.delete(id);
      crowds.shrink(name);
      return true;
    }
    return false;
  }

  /** What was seen last stands last. Beyond the bound the one that was silent longest is forgotten. */
  #keep({ id, client, group, age_ms }: SessionNews, now: number, known: Session | undefined): void {
    const seenAt = Math.max(known?.seenAt ?? 0, now - Math.max(0, age_ms));
    this.#sessions.delete(id);
    this.#sessions.set(id, { client, group, seenAt });
    if (this.#sessions.size <= LIMITS.SESSIONS_MAX) return;
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined) this.#sessions.delete(oldest);
  }

  #sweep(now: number): void {
    for (const [id, { seenAt }] of this.#sessions) {
      // A clock that went back makes nobody stay for ever.
      if (Math.abs(now - seenAt) > LIMITS.RESUME_MS) this.#sessions.delete(id);
    }
  }
}

/** How many active sessions each group has, during one report. */
class Crowds {
  readonly groups = new Map<string, number>();
  #largest: { readonly name: string; readonly count: number } | undefined;

  /** Of the networks. Sought again only after it has shrunk: those who are refused may be many. */
  get largest(): { readonly name: string; readonly count: number } {
    if (this.#largest) return this.#largest;
    let largest = { name: "", count: 0 };
    for (const [name, count] of this.groups)
      if (count > largest.count && name.startsWith(NETWORK)) largest = { name, count };
    this.#largest = largest;
    return largest;
  }

  shrink(name: string): void {
    this.groups.set(name, (this.groups.get(name) ?? 0) - 1);
    this.#largest = undefined;
  }
}

function isActive({ seenAt }: Session, now: number): boolean {
  return now - seenAt < LIMITS.ACTIVE_MS;
}

function judge(
  news: SessionNews,
  known: Session | undefined,
  wasActive: boolean,
  { isFull, grouped }: { readonly isFull: boolean; readonly grouped: number },
): SeatVerdict {
  const isSame = known !== undefined && known.client === news.client;
  if (wasActive && !isSame) return "taken";
  // Past the expiry a session goes on for the client that holds it, and for nobody else.
  if (news.expired && !isSame) return "over";
  if (wasActive) return "in";
  if (isFull) return "full";
  return news.group_max > 0 && grouped >= news.group_max ? "group_full" : "in";
}
