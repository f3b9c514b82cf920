import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { claimPort, listen, PortTakenError } from "../../../relay/serve/listen.ts";

describe("claimPort", () => {
  it("finds a free port and leaves it free", async () => {
    const port = await claimPort({ host: "127.0.0.1", port: 0, setting: "--edge-port" });
    expect(port).toBeGreaterThan(0);
    expect(await claimPort({ host: "127.0.0.1", port, setting: "--edge-port" })).toBe(port);
  });

  it("names a taken port and the setting that moves it", async () => {
    const server = createServer();
    await listen(server, { host: "127.0.0.1", port: 0, setting: "" });
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const claim = claimPort({ host: "127.0.0.1", port, setting: "--edge-port" });
    await expect(claim).rejects.toBeInstanceOf(PortTakenError);
    await expect(claim).rejects.toThrow(
      `Cannot listen on 127.0.0.1:${port}: the port is taken, choose another with --edge-port`,
    );
    server.close();
  });

  it("names the setting of an address that cannot be listened on, IPv6 in brackets", async () => {
    await expect(
      claimPort({ host: "2001:db8::1", port: 1, setting: "relay.inbounds[0].listen" }),
    ).rejects.toThrow(/^Cannot listen on \[2001:db8::1\]:1, as relay\.inbounds\[0\]\.listen says: E[A-Z]+$/);
  });
});
