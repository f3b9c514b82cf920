import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frame } from "../../../relay/watch/frame.ts";
import { columnsOf } from "../../../relay/watch/text.ts";
import type { StatsView, TunnelView } from "../../../relay/watch/view.ts";

function view(services: number, users: number, connections: number, active = connections): StatsView {
  const moved = { active: 1, up: 1_000, down: 2_000_000, up_rate: 10, down_rate: 20_000 };
  return {
    source: "the relay main",
    at: 100_000,
    since: 0,
    requests: 9,
    ...moved,
    active,
    services: Array.from({ length: services }, (_, n) => ({
      ...moved,
      service: `main/service-${n}`,
      kind: "socks",
      requests: 5,
      refused: 1,
    })),
    users: Array.from({ length: users }, (_, n) => ({ ...moved, user: `user${n}`, quota_left: 5e9 })),
    connections: Array.from({ length: connections }, (_, n) => ({
      id: `c-${n}`,
      kind: "socks",
      service: "main/mixed",
      client: "192.0.2.1",
      user: "alice",
      target: `a-rather-long-name-${n}.example.com:443`,
      up: 1,
      down: 2,
      started_at: 1_000 * n,
    })),
    tunnels: [],
    links: [{ name: "edge", connected: false }],
  };
}

const TUNNEL: TunnelView = {
  relay: "main",
  role: "server",
  name: "laptop",
  remote: "192.0.2.7:41000",
  engine: "offload",
  rtt_ms: 51.4,
  loss: 0.0123,
  rate: 12_500_000,
  streams: 3,
};

const WHOLE = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };

describe("frame", () => {
  it("never needs more room than there is", () => {
    fc.assert(
      fc.property(
        fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 1, max: 60 }) }),
        fc.nat(30),
        fc.nat(5),
        fc.nat(60),
        fc.nat(4),
        (room, services, users, connections, tunnels) => {
          const rows = Array.from({ length: tunnels }, () => TUNNEL);
          const lines = frame({ ...view(services, users, connections), tunnels: rows }, room);
          expect(lines.length).toBeLessThanOrEqual(room.rows);
          for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(room.columns);
        },
      ),
    );
  });

  it("shows sessions of tunnels where there are any", () => {
    expect(frame(view(1, 0, 0), WHOLE).join("\n")).not.toContain("TUNNEL");
    const lines = frame({ ...view(1, 0, 0), tunnels: [TUNNEL] }, WHOLE);
    expect(lines.join("\n")).toMatch(
      /TUNNEL +PEER +CARRIER +RTT +LOSS +RATE\/S.*\nfrom laptop +192\.0\.2\.7:41000 +offload +51 ms +1\.2 % +12\.5 MB +3 +main/,
    );
  });

  it("shows everything where there is room for it, and says what was not listed", () => {
    const text = frame(view(3, 2, 4, 1_004), WHOLE).join("\n");
    expect(text).toContain(
      "1004 open of 9  ·  up 10 B/s (1.00 kB)  ·  down 20.0 kB/s (2.00 MB)  ·  links: edge DOWN",
    );
    for (const part of ["main/service-2", "user1", "5.00 GB", "a-rather-long-name-3.example.com:443"])
      expect(text).toContain(part);
    expect(text).toContain("… and 1000 more");
  });

  it("shares few rows out, so that no table hides another", () => {
    const lines = frame(view(30, 30, 30), { columns: 120, rows: 24 });
    expect(lines).toHaveLength(24);
    expect(lines.filter((line) => /^… and \d+ more$/.test(line))).toHaveLength(3);
    for (const head of ["SERVICE", "USER", "CLIENT"])
      expect(lines.some((line) => line.startsWith(head))).toBe(true);
  });

  it("leaves out what matters least where it is narrow", () => {
    const lines = frame(view(2, 0, 2), { columns: 60, rows: 30 });
    const head = lines.find((line) => line.startsWith("SERVICE")) ?? "";
    expect(head).not.toContain("TOTAL");
    expect(head).toContain("DOWN/S");
    expect(lines.find((line) => line.startsWith("192.0.2.1"))).toContain("a-rather");
  });

  it("lets nothing of a client's text steer the terminal", () => {
    const { connections, ...rest } = view(1, 0, 1);
    const hostile = connections.map((row) => ({ ...row, target: "\x1b]0;owned\x07\n\x1b[31m" }));
    expect(frame({ ...rest, connections: hostile }, WHOLE).join("")).not.toMatch(/[\p{Cc}]/u);
  });
});
