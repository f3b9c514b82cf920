// Places of WebSockets, with a clock that the test holds.

import { describe, expect, it } from "vitest";
import { PROXY_LIMITS } from "../../../shared/limits.ts";
import { Sockets } from "../../../worker/proxy/socket-places.ts";

const NOW = 1_000_000;
const LATER = NOW + 60_000;
const A = "192.0.2.1";
const B = "192.0.2.2";

function taken(places: Sockets, ip: string, until = LATER) {
  return places.take(ip, NOW, until);
}

describe("Sockets", () => {
  it("refuses too_many_connections at max, whoever asks, until one is given back", () => {
    const places = new Sockets({ max: 2, perClientMax: 2 });
    const first = taken(places, A);
    taken(places, B);
    expect(() => places.check("192.0.2.3", NOW)).toThrow(
      expect.objectContaining({ code: "too_many_connections" }),
    );
    first.give();
    taken(places, "192.0.2.3");
  });

  it("refuses too_many_sockets to one client at perClientMax, and to no other", () => {
    const places = new Sockets({ max: 10, perClientMax: 1 });
    const first = taken(places, A);
    expect(() => taken(places, A)).toThrow(expect.objectContaining({ code: "too_many_sockets" }));
    taken(places, B);
    first.give();
    taken(places, A);
  });

  it("takes a /64 of IPv6 for one client", () => {
    const places = new Sockets({ max: 10, perClientMax: 1 });
    taken(places, "2001:db8::1");
    expect(() => taken(places, "2001:db8::ffff:2")).toThrow(
      expect.objectContaining({ code: "too_many_sockets" }),
    );
    taken(places, "2001:db8:0:1::1");
  });

  it("counts a place given back twice once", () => {
    const places = new Sockets({ max: 10, perClientMax: 2 });
    const first = taken(places, A);
    taken(places, A);
    first.give();
    first.give();
    expect(places.active).toBe(1);
    taken(places, A);
    expect(() => taken(places, A)).toThrow();
  });

  it("frees a place that nobody kept, when it is needed", () => {
    const places = new Sockets({ max: 1, perClientMax: 1 });
    const dead = places.take(A, NOW, NOW + 10);
    places.take(A, NOW + 11, LATER);
    expect(places.active).toBe(1);
    dead.give();
    expect(places.active).toBe(1);
  });

  it("keeps a place that shows itself, and takes one back that lapsed too early", () => {
    const places = new Sockets({ max: 1, perClientMax: 1 });
    const kept = places.take(A, NOW, NOW + 10);
    kept.keep(LATER);
    expect(() => places.take(B, NOW + 11, LATER)).toThrow();
    const late = new Sockets({ max: 1, perClientMax: 1 });
    const slow = late.take(A, NOW, NOW + 10);
    late.take(B, NOW + 11, LATER);
    slow.keep(LATER);
    expect(late.active).toBe(2);
    slow.give();
    expect(late.active).toBe(1);
  });

  it("looks for lapsed places once in a while only, however often it refuses", () => {
    const places = new Sockets({ max: 1, perClientMax: 1 });
    places.take(A, NOW, NOW + 10);
    expect(() => places.check(B, NOW + 5)).toThrow();
    expect(() => places.check(B, NOW + 11)).toThrow();
    places.check(B, NOW + 5 + PROXY_LIMITS.SOCKET_SWEEP_INTERVAL_MS);
  });

  it("remembers no client that holds no place", () => {
    const places = new Sockets({ max: 100_000, perClientMax: 1 });
    const held = Array.from({ length: 1_000 }, (_, i) => taken(places, `10.0.${i >> 8}.${i & 255}`));
    for (const place of held) place.give();
    expect(places.active).toBe(0);
    for (let i = 0; i < 1_000; i++) places.check(`10.0.${i >> 8}.${i & 255}`, NOW);
  });
});
