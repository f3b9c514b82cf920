// How many sessions of one client a server keeps, living and closing.

import { describe, expect, it } from "vitest";
import { ClientSessions } from "../../../../relay/udpack/endpoint/client-sessions.ts";
import type { UdpackSession } from "../../../../relay/udpack/endpoint/session.ts";
import { UDPACK_ENDPOINT_LIMITS } from "../../../../shared/limits.ts";

const { SESSIONS_PER_CLIENT_MAX } = UDPACK_ENDPOINT_LIMITS;

/** Sessions that end as real ones do, and what was done with them. */
function book() {
  const sessions = new ClientSessions();
  const released: number[] = [];
  const gaveWay: number[] = [];
  const add = (client: number, heardAt: number, replaces?: number): UdpackSession => {
    const session = {
      established: {
        peerStatic: new Uint8Array(32).fill(client),
        peerId: new Uint8Array(8).fill(heardAt),
        replaces: replaces === undefined ? undefined : new Uint8Array(8).fill(replaces),
      },
      heardAt,
      giveWay() {
        gaveWay.push(heardAt);
        sessions.ended(session);
      },
      release() {
        released.push(heardAt);
        sessions.forgotten(session);
      },
    } as unknown as UdpackSession;
    sessions.add(session);
    return session;
  };
  return { sessions, released, gaveWay, add };
}

describe("ClientSessions", () => {
  it("ends the session that a new one of the same client replaces, and no other client's", () => {
    const { sessions, gaveWay, add } = book();
    add(1, 10);
    add(2, 20);
    add(1, 11, 20);
    expect(gaveWay).toEqual([]);
    add(1, 12, 10);
    expect(gaveWay).toEqual([10]);
    expect(sessions.live).toBe(3);
  });

  it("ends the one that was silent for longest where there are too many", () => {
    const { sessions, gaveWay, add } = book();
    for (let n = 0; n < SESSIONS_PER_CLIENT_MAX + 3; n++) add(1, 100 - n);
    expect(gaveWay).toEqual([
      100 - SESSIONS_PER_CLIENT_MAX + 1,
      100 - SESSIONS_PER_CLIENT_MAX,
      100 - SESSIONS_PER_CLIENT_MAX - 1,
    ]);
    expect(sessions.live).toBe(SESSIONS_PER_CLIENT_MAX);
  });

  it("answers for no more sessions that have ended than there may be living ones", () => {
    const { sessions, released, add } = book();
    for (let n = 0; n < 100; n++) sessions.ended(add(1, n));
    expect(sessions.live).toBe(0);
    expect(released).toEqual(Array.from({ length: 100 - SESSIONS_PER_CLIENT_MAX }, (_, n) => n));
    sessions.ended(add(2, 200));
    expect(released).not.toContain(200);
  });
});
