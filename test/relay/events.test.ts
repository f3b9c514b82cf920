import { describe, expect, it, vi } from "vitest";
import { logEvents } from "../../relay/events.ts";

describe("logEvents", () => {
  it("writes one record per event, its type under `event`, keys in snake_case", () => {
    const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), isLevelEnabled: () => true };
    const emit = logEvents(log);
    emit({
      type: "connection_closed",
      id: "s-1",
      kind: "socks",
      inbound: "main/mixed",
      client: "10.0.0.1",
      user: "",
      target: "a.example:80",
      up: 1,
      down: 2,
      durationMs: 3,
      reason: "done",
    });
    emit({
      type: "auth_failed",
      inbound: "main/mixed",
      client: "10.0.0.1",
      user: "x",
      code: "proxy_auth_required",
    });
    expect(log.info).toHaveBeenCalledWith(
      expect.objectContaining({ event: "connection_closed", duration_ms: 3, target: "a.example:80" }),
    );
    expect(log.warn).toHaveBeenCalledTimes(1);
    expect(log.debug).not.toHaveBeenCalled();
  });

  it("makes no record of what the log does not take", () => {
    const log = {
      debug: vi.fn(),
      info: vi.fn(),
      warn: vi.fn(),
      isLevelEnabled: (level: string) => level === "warn",
    };
    const emit = logEvents(log);
    emit({ type: "listener_up", inbound: "main/mixed", address: "127.0.0.1", port: 1 });
    emit({ type: "drain_expired", connections: 1 });
    expect(log.info).not.toHaveBeenCalled();
    expect(log.warn).toHaveBeenCalledOnce();
  });
});
