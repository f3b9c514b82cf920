// Seats come back whatever becomes of their connection. Over real sockets.

import { describe, expect, it } from "vitest";
import { hashPassword } from "../../../relay/password.ts";
import type { RelayConfig } from "../../../shared/config/schema.ts";
import { RawClient, type RunningRelay, socksRequest, startEcho, startRelay } from "../harness.ts";

const basic = Buffer.from("alice:secret").toString("base64");

/** Each time with another hash: a password that was right before would be recognised at once. */
async function startWithOneSeat(config: Partial<RelayConfig> = {}): Promise<RunningRelay> {
  const password = await hashPassword("secret");
  const users = [{ name: "alice", password, max_connections: 1 }];
  return startRelay({ config: { users, ...config }, inbound: { auth: "password" } });
}

/** Everything of a SOCKS5 client at once: it waits for no answer. */
function wholeHandshake(target: number): Buffer {
  const signIn = Buffer.from("\x05\x01\x02\x01\x05alice\x06secret", "latin1");
  return Buffer.concat([signIn, Buffer.from(socksRequest("127.0.0.1", target))]);
}

/** Sends, and leaves once the relay has read it. */
async function sendAndLeave({ relay, port }: RunningRelay, bytes: Buffer | string): Promise<void> {
  const [client, other] = await Promise.all([RawClient.open(port), RawClient.open(port)]);
  client.send(bytes);
  other.send([5, 1, 2]);
  await other.take(2);
  client.socket.resetAndDestroy();
  other.socket.destroy();
  await expect.poll(() => relay.stats().places.taken).toBe(0);
}

async function asksOnce(port: number, target: number): Promise<number> {
  const client = await RawClient.open(port);
  client.send(wholeHandshake(target));
  const answers = await client.take(2 + 2 + 10);
  client.socket.destroy();
  return answers[5] ?? -1;
}

describe("the seat of a user", () => {
  for (const per_client of [{}, { max_connections: 5 }]) {
    const where = per_client.max_connections === undefined ? "" : ", with seats of its address";
    it(`is not taken by a client that left during its sign-in${where}`, async () => {
      const running = await startWithOneSeat({ per_client });
      const target = await startEcho();
      await sendAndLeave(running, wholeHandshake(target));
      expect(await asksOnce(running.port, target)).toBe(0);
    });

    it(`is not taken by an HTTP client that left during its sign-in${where}`, async () => {
      const running = await startWithOneSeat({ per_client });
      const target = await startEcho();
      const head = `Host: x\r\nProxy-Authorization: Basic ${basic}\r\n\r\n`;
      const connect = sendAndLeave(running, `CONNECT 127.0.0.1:${target} HTTP/1.1\r\n${head}`);
      await Promise.all([
        connect,
        sendAndLeave(running, `GET http://127.0.0.1:${target}/ HTTP/1.1\r\n${head}`),
      ]);
      expect(await asksOnce(running.port, target)).toBe(0);
    });
  }
});
