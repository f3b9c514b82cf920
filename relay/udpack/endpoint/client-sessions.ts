// A server's sessions by client: how many each may have at a time, and how many that have ended are still answered with
// CLOSE. Knows no packets.

import { UDPACK_ENDPOINT_LIMITS } from "../../../shared/limits.ts";
import { keyText } from "../crypto/keys.ts";
import { isSameId } from "../wire/packet.ts";
import type { UdpackSession } from "./session.ts";

const { SESSIONS_PER_CLIENT_MAX } = UDPACK_ENDPOINT_LIMITS;

interface OfClient {
  readonly living: Set<UdpackSession>;
  /** Oldest first. Each holds what it had not sent, so that they are as few as living ones. */
  readonly closing: Set<UdpackSession>;
}

export class ClientSessions {
  readonly #clients = new Map<string, OfClient>();
  #live = 0;

  /** Sessions that live, of all clients. */
  get live(): number {
    return this.#live;
  }

  /** Adds one; the session that it replaces ends, and where there are too many the one that was silent for longest. */
  add(session: UdpackSession): void {
    const name = nameOf(session);
    const own = this.#clients.get(name) ?? { living: new Set(), closing: new Set() };
    this.#clients.set(name, own);
    const { replaces } = session.established;
    for (const old of [...own.living])
      if (replaces && isSameId(old.established.peerId, replaces)) old.giveWay();
    if (own.living.size >= SESSIONS_PER_CLIENT_MAX) longestSilent(own.living)?.giveWay();
    own.living.add(session);
    this.#live += 1;
  }

  /** It has ended for its owner; its id may still have to be answered. */
  ended(session: UdpackSession): void {
    const own = this.#clients.get(nameOf(session));
    if (!own?.living.delete(session)) return;
    this.#live -= 1;
    own.closing.add(session);
    const [oldest] = own.closing;
    if (own.closing.size > SESSIONS_PER_CLIENT_MAX) oldest?.release();
  }

  /** Its id means nothing any more. */
  forgotten(session: UdpackSession): void {
    const name = nameOf(session);
    const own = this.#clients.get(name);
    own?.closing.delete(session);
    if (own?.closing.size === 0 && own.living.size === 0) this.#clients.delete(name);
  }
}

function nameOf({ established }: UdpackSession): string {
  return keyText(established.peerStatic);
}

/** A client that was killed leaves sessions behind, which must not keep it out. */
function longestSilent(sessions: Iterable<UdpackSession>): UdpackSession | undefined {
  let silent: UdpackSession | undefined;
  for (const session of sessions) if (!silent || session.heardAt < silent.heardAt) silent = session;
  return silent;
}
