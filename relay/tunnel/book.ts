// What is known of tunnels: those whose sessions are open, and sums over all sessions that there have been.

import type { SessionStats, TunnelStats } from "../metrics/stats.ts";

/** Whose sessions they are. */
export type TunnelIdentity = Pick<TunnelStats, "role" | "service" | "name">;

/** What a session tells of itself. */
export type ReadSession = () => Omit<SessionStats, "since">;

interface Entry {
  readonly identity: TunnelIdentity;
  readonly open: Map<ReadSession, number>;
  opened: number;
  /** Of sessions that are over. */
  sent: number;
  received: number;
}

export class TunnelBook {
  /** By names of the configuration, and so bounded by it. */
  readonly #entries = new Map<string, Entry>();

  /** A session has begun; call what is returned when it is over. `since`: milliseconds since the epoch. */
  open(identity: TunnelIdentity, since: number, read: ReadSession): () => void {
    const entry = this.#entry(identity);
    entry.open.set(read, since);
    entry.opened++;
    return () => {
      if (!entry.open.delete(read)) return;
      const { sent, received } = read();
      entry.sent += sent;
      entry.received += received;
    };
  }

  list(): TunnelStats[] {
    return [...this.#entries.values()].map(({ identity, open, opened, sent, received }) => {
      const sessions = [...open].map(([read, since]) => ({ ...read(), since }));
      return {
        ...identity,
        opened,
        sent: sessions.reduce((sum, session) => sum + session.sent, sent),
        received: sessions.reduce((sum, session) => sum + session.received, received),
        sessions,
      };
    });
  }

  #entry(identity: TunnelIdentity): Entry {
    const key = `${identity.role} ${identity.service} ${identity.name}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { identity, open: new Map(), opened: 0, sent: 0, received: 0 };
      this.#entries.set(key, entry);
    }
    return entry;
  }
}
