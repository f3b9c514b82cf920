import { describe, expect, it } from "vitest";
import { TunnelNews } from "../../../relay/link/tunnel-news.ts";
import type { TunnelStats } from "../../../relay/metrics/stats.ts";
import { parseLinkMessage, RelayMessageSchema } from "../../../shared/flow/link.ts";
import { LINK_LIMITS } from "../../../shared/limits.ts";

const SESSION = {
  remote: "192.0.2.7:4000",
  engine: "offload",
  since: 0,
  rtt_ms: 12.3456,
  loss: 0.012345,
  rate: 1_000_000.4,
  window: 1,
  streams: 2,
  sent: 1,
  received: 1,
};

function tunnels(count: number, more: Partial<typeof SESSION> = {}): readonly TunnelStats[] {
  const sessions = Array.from({ length: count }, () => ({ ...SESSION, ...more }));
  return [
    { role: "server", service: "main/udpack", name: "laptop", opened: count, sent: 1, received: 1, sessions },
  ];
}

describe("TunnelNews", () => {
  it("tells sessions rounded, in a form that the edge takes", () => {
    const told = new TunnelNews().next(() => tunnels(1), 0);
    expect(told).toEqual([
      {
        role: "server",
        name: "laptop",
        remote: "192.0.2.7:4000",
        engine: "offload",
        rtt_ms: 12.3,
        loss: 0.0123,
        rate: 1_000_000,
        streams: 2,
      },
    ]);
    const message = JSON.stringify({ type: "tunnels", tunnels: told });
    expect(parseLinkMessage(RelayMessageSchema, message)).toBeDefined();
  });

  it("tells nothing where there is nothing, but that sessions have ended", () => {
    const news = new TunnelNews();
    expect(news.next(() => [], 0)).toBeUndefined();
    expect(news.next(() => tunnels(1), 5_000)).toHaveLength(1);
    expect(news.next(() => tunnels(0), 10_000)).toEqual([]);
  });

  it("tells changes only, and not too often", () => {
    const news = new TunnelNews();
    expect(news.next(() => tunnels(1), 0)).toBeDefined();
    expect(news.next(() => tunnels(2), LINK_LIMITS.TUNNELS_INTERVAL_MS - 1)).toBeUndefined();
    expect(news.next(() => tunnels(1), LINK_LIMITS.TUNNELS_INTERVAL_MS)).toBeUndefined();
    expect(news.next(() => tunnels(2), 2 * LINK_LIMITS.TUNNELS_INTERVAL_MS)).toHaveLength(2);
  });

  it("tells again after a while what has not changed: the edge keeps it in memory", () => {
    const news = new TunnelNews();
    news.next(() => tunnels(1), 0);
    expect(news.next(() => tunnels(1), LINK_LIMITS.TUNNELS_REPEAT_MS - 1)).toBeUndefined();
    const later = LINK_LIMITS.TUNNELS_REPEAT_MS + LINK_LIMITS.TUNNELS_INTERVAL_MS;
    expect(news.next(() => tunnels(1), later)).toHaveLength(1);
    expect(new TunnelNews().next(() => [], later)).toBeUndefined();
  });

  it("tells everything anew over a new link", () => {
    const news = new TunnelNews();
    news.next(() => tunnels(1), 0);
    news.forget();
    expect(news.next(() => tunnels(1), 1)).toHaveLength(1);
  });

  it("is bounded, and knows no numbers that JSON does not", () => {
    expect(new TunnelNews().next(() => tunnels(500), 0)).toHaveLength(LINK_LIMITS.TUNNELS_MAX);
    const odd = new TunnelNews().next(
      () => tunnels(1, { rate: Number.POSITIVE_INFINITY, rtt_ms: Number.NaN }),
      0,
    );
    expect(odd).toMatchObject([{ rate: 0, rtt_ms: 0 }]);
  });
});
