// The threat: a name that resolves to an inner address, or to one beside a harmless one (DNS rebinding).

import { networkInterfaces } from "node:os";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { DirectOutbound } from "../../../relay/outbound/direct.ts";
import { ownListenerRefusal, refusalFor } from "../../../relay/outbound/policy.ts";
import { CausewayError } from "../../../shared/errors.ts";
import { parseIp } from "../../../shared/net/address.ts";
import { startEcho } from "../harness.ts";

const { signal } = new AbortController();
const anything = () => undefined;

describe("DirectOutbound", () => {
  it("dials only those addresses of a name that the policy lets pass", async () => {
    const port = await startEcho();
    const outbound = new DirectOutbound({ resolver: { resolve: async () => ["127.0.0.2", "127.0.0.1"] } });
    const refusal = vi.fn((ip: Uint8Array) => (ip[3] === 2 ? "it is inner" : undefined));
    const socket = await outbound.connect({ host: "a.example", port }, { refusal, signal, user: "" });
    onTestFinished(() => void socket.destroy());
    expect(socket.remoteAddress).toBe("127.0.0.1");
    expect(refusal).toHaveBeenCalledTimes(2);
  });

  it("refuses a name all of whose addresses are inner, and says why", async () => {
    const outbound = new DirectOutbound({ resolver: { resolve: async () => ["10.0.0.1", "::ffff:7f00:1"] } });
    const dial = outbound.connect(
      { host: "a.example", port: 80 },
      { refusal: refusalFor(false, () => []), signal, user: "" },
    );
    await expect(dial).rejects.toMatchObject({
      code: "target_refused",
      message: expect.stringContaining("private"),
    });
  });

  it("judges a literal in any spelling, without asking a name server", async () => {
    const resolve = vi.fn(async () => []);
    const outbound = new DirectOutbound({ resolver: { resolve } });
    for (const host of ["2130706433", "0x7f.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]) {
      const dial = outbound.connect(
        { host, port: 80 },
        { refusal: refusalFor(false, () => []), signal, user: "" },
      );
      await expect(dial).rejects.toMatchObject({ code: "target_refused" });
    }
    expect(resolve).not.toHaveBeenCalled();
  });

  it("never looks up a number that is no address", async () => {
    const outbound = new DirectOutbound({ resolver: { resolve: async () => ["127.0.0.1"] } });
    const dial = outbound.connect({ host: "1.2.3.4.5", port: 80 }, { refusal: anything, signal, user: "" });
    await expect(dial).rejects.toMatchObject({ code: "name_unknown" });
  });

  it("passes on why a name cannot be resolved", async () => {
    const outbound = new DirectOutbound({
      resolver: { resolve: () => Promise.reject(new CausewayError("name_unresolved")) },
    });
    const dial = outbound.connect({ host: "a.example", port: 80 }, { refusal: anything, signal, user: "" });
    await expect(dial).rejects.toMatchObject({ code: "name_unresolved" });
  });
});

describe("refusalFor", () => {
  function judge(
    onLoopback: boolean,
    address: string,
    port = 80,
    listeners = [{ address: "127.0.0.1", port: 1080 }],
  ) {
    return refusalFor(onLoopback, () => listeners)(parseIp(address) ?? new Uint8Array(), port);
  }

  it("lets a loopback listener reach inner addresses, but no metadata", () => {
    for (const address of [
      "127.0.0.1",
      "10.0.0.1",
      "192.168.1.1",
      "100.64.0.1",
      "169.254.1.1",
      "::1",
      "8.8.8.8",
    ]) {
      expect(judge(true, address)).toBeUndefined();
    }
    for (const address of [
      "169.254.169.254",
      "::ffff:a9fe:a9fe",
      "0.0.0.0",
      "224.0.0.1",
      "255.255.255.255",
    ]) {
      expect(judge(true, address)).toContain("its address is");
    }
  });

  it("lets any other listener reach public addresses only", () => {
    for (const address of [
      "127.0.0.1",
      "10.0.0.1",
      "100.64.0.1",
      "169.254.1.1",
      "::1",
      "fd00::1",
      "2002:a00:1::1",
    ]) {
      expect(judge(false, address)).toContain("its address is");
    }
    expect(judge(false, "8.8.8.8")).toBeUndefined();
  });

  it("never lets the relay dial itself", () => {
    expect(judge(true, "127.0.0.1", 1080)).toContain("listener");
    expect(judge(true, "::ffff:127.0.0.1", 1080)).toContain("listener");
    expect(judge(true, "127.0.0.2", 1080)).toBeUndefined();
    expect(judge(true, "127.0.0.1", 1081)).toBeUndefined();
  });

  it.each([
    ["0.0.0.0", "127.0.0.1", "0.0.0.0"],
    ["::ffff:0.0.0.0", "127.0.0.1", "0.0.0.0"],
    ["::", "::1", "::"],
  ])("knows itself at %s, which the kernel takes for this machine", (dialled, loopback, everywhere) => {
    const ip = parseIp(dialled) ?? new Uint8Array();
    for (const address of [loopback, everywhere]) {
      const refusal = ownListenerRefusal(() => [{ address, port: 1080 }]);
      expect(refusal(ip, 1080)).toBeDefined();
      expect(refusal(ip, 1081)).toBeUndefined();
    }
  });

  it("counts every address of the machine for a listener on all of them", () => {
    const everywhere = [{ address: "::", port: 1080 }];
    expect(judge(true, "127.3.2.1", 1080, everywhere)).toContain("listener");
    // An address of the machine may be of a class that is refused anyway.
    const own = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).map(({ address }) => address),
    );
    for (const address of own.filter((text) => !text.startsWith("fe80"))) {
      expect(judge(true, address, 1080, everywhere)).toBeDefined();
    }
  });
});
