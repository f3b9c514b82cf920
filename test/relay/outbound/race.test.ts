import { Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { RACE_DEFAULTS, type RaceOptions, raceToConnect } from "../../../relay/outbound/race.ts";
import { closedPort, startEcho } from "../harness.ts";

function race(addresses: readonly string[], port: number, options: Partial<RaceOptions> = {}) {
  const signal = new AbortController().signal;
  return raceToConnect(addresses, port, { ...RACE_DEFAULTS, delayMs: 10_000, signal, ...options });
}

/** Attempts that hang until the test decides, by address. */
function hangingAttempts() {
  const attempts = new Map<string, Socket>();
  const open = (address: string): Socket => {
    const socket = new Socket();
    attempts.set(address, socket);
    return socket;
  };
  return { attempts, open };
}

describe("raceToConnect", () => {
  it("goes on to the next address at once when one fails", async () => {
    const port = await startEcho();
    const started = performance.now();
    const socket = await race(["127.0.0.2", "127.0.0.1"], port);
    onTestFinished(() => void socket.destroy());
    expect(socket.remoteAddress).toBe("127.0.0.1");
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it("reports the failure that says most", async () => {
    await expect(race(["127.0.0.1", "::1"], await closedPort())).rejects.toMatchObject({
      code: "connection_refused",
    });
  });

  it("gives each address a head start, then tries the next beside it", async () => {
    const { attempts, open } = hangingAttempts();
    const won = race(["a", "b", "c"], 80, { open, delayMs: 20 });
    expect([...attempts.keys()]).toEqual(["a"]);
    await vi.waitFor(() => expect([...attempts.keys()]).toEqual(["a", "b", "c"]));
    attempts.get("b")?.emit("connect");
    expect(await won).toBe(attempts.get("b"));
    expect([attempts.get("a")?.destroyed, attempts.get("c")?.destroyed]).toEqual([true, true]);
  });

  it("keeps an earlier attempt alive that is merely slow", async () => {
    const { attempts, open } = hangingAttempts();
    const won = race(["a", "b"], 80, { open, delayMs: 5 });
    await vi.waitFor(() => expect(attempts.size).toBe(2));
    attempts.get("b")?.emit("error", Object.assign(new Error(), { code: "ENETUNREACH" }));
    attempts.get("a")?.emit("connect");
    expect(await won).toBe(attempts.get("a"));
  });

  it("ends every attempt when its time is up", async () => {
    const { attempts, open } = hangingAttempts();
    await expect(race(["a", "b"], 80, { open, delayMs: 5, timeoutMs: 40 })).rejects.toMatchObject({
      code: "dial_timeout",
    });
    expect([...attempts.values()].map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  it("ends without a socket when told to", async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(race(["127.0.0.1"], await startEcho(), { signal: controller.signal })).rejects.toMatchObject(
      {
        code: "dial_failed",
      },
    );
  });

  it("gives a paused socket, so that an early greeting is not lost", async () => {
    const socket = await race(["127.0.0.1"], await startEcho());
    onTestFinished(() => void socket.destroy());
    expect(socket.isPaused()).toBe(true);
  });
});
