// Either end is killed outright: what the other makes of it.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { UdpackError } from "../../../../relay/udpack/endpoint/api.ts";
import { namedPort } from "../../../support/named-port.ts";
import { digest, echo, nextSession, testClient, testServer, text, upload } from "../../../support/udpack.ts";

const END = fileURLToPath(new URL("../../../support/udpack-process.ts", import.meta.url));
const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function start(
  role: "server" | "client",
  port: number,
): Promise<{ child: ChildProcess; said: unknown }> {
  const child = fork(END, [role, String(port)], { execArgv: ["--no-warnings"] });
  opened.push({ close: () => child.kill("SIGKILL") });
  const [said] = await once(child, "message");
  return { child, said };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

describe("a server that is killed", () => {
  it("is back for new connections within 5 s of its restart; old ones end with an error", async () => {
    const port = await namedPort();
    const { child } = await start("server", port);
    const client = testClient(port);
    opened.push(client);
    const old = client.openStream();
    old.write("x");
    await once(old, "data");
    const failed = once(old, "error");
    const sending = upload(client.openStream(), 64 * 1024 * 1024).catch((error: UdpackError) => error.code);
    await kill(child);
    await start("server", port);
    const since = performance.now();
    old.write("anybody there?");
    const [error] = (await failed) as [UdpackError];
    expect(["reset", "replaced"]).toContain(error.closeCode);
    expect(["session_closed", "reconnected"]).toContain(await sending);
    const stream = client.openStream();
    const answer = text(stream);
    stream.end("new");
    expect(await answer).toBe("new");
    expect(performance.now() - since).toBeLessThan(5_000);
  }, 20_000);

  it("lets streams that wait for it fail after five seconds, each with a clear error", async () => {
    const { child, said } = await start("server", 0);
    await kill(child);
    const client = testClient((said as { port: number }).port, { webSocket: true });
    opened.push(client);
    const [error] = (await once(client.openStream(), "error")) as [UdpackError];
    expect(error.code).toBe("unreachable");
  }, 10_000);
});

describe("a client that is killed", () => {
  it("comes back at once, and does not disturb others", async () => {
    const server = await testServer();
    opened.push(server);
    echo(server);
    const { child } = await start("client", server.address.port);
    const other = testClient(server.address.port);
    opened.push(other);
    const stream = other.openStream();
    const back = digest(stream);
    const writing = upload(stream, 16 * 1024 * 1024);
    await kill(child);
    const arriving = nextSession(server);
    await start("client", server.address.port);
    await arriving;
    expect((await back).hash).toBe(await writing);
  }, 20_000);
});
