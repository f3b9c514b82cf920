// The threats: strangers who find the ingress, requests that are recorded and sent again, targets inside the relay's own net,
// a ring of requests to itself, heads without end, connections without requests.

import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { RelayEvent } from "../../../relay/events.ts";
import { importIngressKey, signTarget } from "../../../shared/ingress/signature.ts";
import { RawClient } from "../harness.ts";
import { ask, INGRESS_KEY, refusalOf, signedFor, startIngress, startOrigin } from "./ingress-client.ts";

const NONCE = "AAAAAAAAAAAAAAAAAAAAAA";
const key = await importIngressKey(INGRESS_KEY);

async function startSilentOrigin() {
  const asked = vi.fn();
  const origin = await startOrigin((_, res) => {
    asked();
    res.end("ok");
  });
  return { origin, asked };
}

/** A request with fields of its own making. */
async function askWith(port: number, fields: Readonly<Record<string, string>>, method = "GET") {
  const client = await RawClient.open(port);
  const lines = Object.entries({ Host: "relay", Connection: "close", ...fields }).map((field) =>
    field.join(": "),
  );
  client.send(`${method} / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  const [head = "", body = ""] = (await client.rest()).toString().split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), code: /x-causeway-relay-error: (\w+)/i.exec(head)?.[1], body };
}

describe("a signature that does not hold", () => {
  it("gets no further than the ingress", async () => {
    const { port, of } = await startIngress();
    const { origin, asked } = await startSilentOrigin();
    const target = `${origin}/`;
    const good = await signedFor(target);
    const at = Math.floor(Date.now() / 1_000);
    const late = await signTarget(key, { method: "GET", target, at: at - 40, nonce: NONCE });
    const early = await signTarget(key, { method: "GET", target, at: at + 40, nonce: NONCE });
    const strangers = await importIngressKey("another-key-of-the-same-length");
    const forged = await signTarget(strangers, { method: "GET", target, at, nonce: NONCE });
    const attempts: Record<string, string>[] = [
      {},
      { "X-Causeway-Target": target },
      { ...good, "x-causeway-target": `${origin}/other` },
      { ...good, "x-causeway-signature": `${good["x-causeway-signature"]}A` },
      { "X-Causeway-Target": target, "X-Causeway-Signature": late },
      { "X-Causeway-Target": target, "X-Causeway-Signature": early },
      { "X-Causeway-Target": target, "X-Causeway-Signature": forged },
    ];
    for (const fields of attempts) {
      expect(await askWith(port, fields)).toMatchObject({ status: 403, code: "signature_refused" });
    }
    expect(await askWith(port, good, "DELETE")).toMatchObject({ status: 403 });
    expect(asked).not.toHaveBeenCalled();
    expect(of("signature_refused")).toHaveLength(1);
  });

  it("does not say why, except in the log", async () => {
    const { port, event } = await startIngress();
    const { body } = await askWith(port, await signedFor("http://a.example/"), "PUT");
    expect(body).not.toMatch(/forged/);
    expect(await event("signature_refused")).toMatchObject({ why: "forged", client: "127.0.0.1" });
  });

  it("ends its connection, so that strangers hold none", async () => {
    const { port } = await startIngress();
    const stranger = await RawClient.open(port);
    stranger.send("GET / HTTP/1.1\r\nHost: relay\r\n\r\n");
    expect(String(await stranger.rest())).toMatch(/^HTTP\/1.1 403 .*connection: close\r\n/is);
  });

  it("works once and not a second time, on whichever connection", async () => {
    const { port } = await startIngress();
    const { origin, asked } = await startSilentOrigin();
    const fields = await signedFor(`${origin}/`);
    const answers = await Promise.all([1, 2, 3].map(() => askWith(port, fields)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 403, 403]);
    expect(asked).toHaveBeenCalledTimes(1);
  });
});

describe("a signature that was accepted", () => {
  it("works at no other listener with the same key", async () => {
    const { origin, asked } = await startSilentOrigin();
    const [one, other] = [await startIngress(), await startIngress()];
    const fields = await signedFor(`${origin}/`);
    expect(await askWith(one.port, fields)).toMatchObject({ status: 200 });
    expect(await askWith(other.port, fields)).toMatchObject({ status: 403, code: "signature_refused" });
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it("works no second time at a listener that was started again", async () => {
    const { origin, asked } = await startSilentOrigin();
    const first = await startIngress();
    const fields = await signedFor(`${origin}/`);
    expect(await askWith(first.port, fields)).toMatchObject({ status: 200 });
    await first.relay.stop();
    const again = await startIngress();
    expect(await askWith(again.port, fields)).toMatchObject({ status: 403, code: "signature_refused" });
    expect(asked).toHaveBeenCalledTimes(1);
  });
});

describe("a fault of the relay's own", () => {
  it("behind the head of a reply breaks the connection, and not the process", async () => {
    const emit = vi.fn(({ type }: RelayEvent) => {
      if (type === "connection_closed") throw new Error("a listener is broken");
    });
    const { port } = await startIngress({ parts: { emit } });
    const { origin, asked } = await startSilentOrigin();
    const client = await RawClient.open(port);
    const fields = Object.entries(await signedFor(`${origin}/`)).map((field) => field.join(": "));
    client.send(`GET / HTTP/1.1\r\nHost: relay\r\n${fields.join("\r\n")}\r\n\r\n`);
    await client.closed();
    expect(asked).toHaveBeenCalledTimes(1);
    expect(await askWith(port, {})).toMatchObject({ status: 403 });
  });
});

describe("a target", () => {
  it("inside the net is refused to a listener beyond loopback, unless a rule allows it", async () => {
    const { origin, asked } = await startSilentOrigin();
    const open = await startIngress({ inbound: { listen: "0.0.0.0:0" } });
    const refused = await ask(open.port, `${origin}/`);
    expect(refused.status).toBe(403);
    expect(refusalOf(refused)).toBe("target_refused");
    expect(open.of("policy_denied")).toHaveLength(1);
    expect(asked).not.toHaveBeenCalled();
    const rule = { domains: [], cidrs: ["127.0.0.0/8"], ports: [], users: [], inbounds: ["ingress"] };
    const rules = [{ ...rule, outbound: "direct", private: true }];
    const allowed = await startIngress({ inbound: { listen: "0.0.0.0:0" }, config: { rules } });
    expect(await ask(allowed.port, `${origin}/`)).toMatchObject({ status: 200 });
  });

  it("that is the ingress itself is never dialled", async () => {
    const { port } = await startIngress();
    expect(refusalOf(await ask(port, `http://127.0.0.1:${port}/`))).toBe("target_refused");
    expect(refusalOf(await ask(port, `http://localhost:${port}/`))).toBe("target_refused");
    expect(refusalOf(await ask(port, `http://[::ffff:127.0.0.1]:${port}/`))).toBe("target_refused");
  });

  it.each(["http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://0xa9fea9fe/"])(
    "where clouds hand out credentials is refused even on loopback: %s",
    async (target) => {
      const { port } = await startIngress();
      expect(refusalOf(await ask(port, target))).toBe("target_refused");
    },
  );

  it.each(["ftp://a.example/", "a.example", "http://u@a.example/", "http://1.2.3.4.5/"])(
    "that is no HTTP URL is refused: %s",
    async (target) => {
      const { port } = await startIngress();
      expect(refusalOf(await ask(port, target))).toBe("bad_request");
    },
  );
});

describe("a client of the ingress", () => {
  it("that `allow` does not name is turned away before a byte is read", async () => {
    const { port, event } = await startIngress({ inbound: { allow: ["192.0.2.0/24"] } });
    const client = await RawClient.open(port);
    await client.rest();
    expect(await event("source_refused")).toMatchObject({ client: "127.0.0.1" });
  });

  it.each([
    [`GET / HTTP/1.1\r\nX: ${"x".repeat(100_000)}`, "431", "head_too_large"],
    ["GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400", "bad_request"],
  ])("that sends %.20s is told so", async (text, status, code) => {
    const { port } = await startIngress();
    const client = await RawClient.open(port);
    client.send(text);
    expect(String(await client.rest())).toMatch(
      new RegExp(`^HTTP/1.1 ${status} .*Relay-Error: ${code}\\r\\n`, "s"),
    );
  });

  it("that sends a head without end or without sense is cut off", async () => {
    const { port, of } = await startIngress();
    for (const text of [
      `GET / HTTP/1.1\r\nX: ${"x".repeat(100_000)}`,
      "\0\0\0\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
    ]) {
      const client = await RawClient.open(port);
      client.send(text);
      await client.rest();
    }
    await vi.waitFor(() => expect(of("handshake_failed").length).toBeGreaterThanOrEqual(3));
  });

  it("that dawdles over its head is cut off", async () => {
    const { port } = await startIngress({ parts: { handshakeTimeoutMs: 200 } });
    const client = await RawClient.open(port);
    client.send("GET / HTTP/1.1\r\n");
    await client.rest();
  });

  it("that says nothing does not hold up the stop of the relay", async () => {
    const { port, relay } = await startIngress({ config: { drain_timeout: 60_000 } });
    const silent = await RawClient.open(port);
    const idle = await RawClient.open(port);
    idle.send("GET / HTTP/1.1\r\nHost: relay\r\n\r\n");
    await idle.takeThrough("}\n");
    await relay.stop();
    await Promise.all([silent.rest(), idle.rest()]);
  });

  it("that pipelines gets its answers one by one, in order", async () => {
    const { port } = await startIngress();
    let underWay = 0;
    let most = 0;
    const origin = await startOrigin((req, res) => {
      most = Math.max(most, ++underWay);
      setImmediate(() => {
        underWay--;
        res.end(req.url);
      });
    });
    const socket = connect(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    const requests = await Promise.all(
      ["/1", "/2", "/3"].map(async (path, index) => {
        const fields = Object.entries(await signedFor(origin + path)).map((field) => field.join(": "));
        const last = index === 2 ? "Connection: close\r\n" : "";
        return `GET / HTTP/1.1\r\nHost: relay\r\n${last}${fields.join("\r\n")}\r\n\r\n`;
      }),
    );
    socket.write(requests.join(""));
    let text = "";
    socket.on("data", (chunk) => {
      text += String(chunk);
    });
    await once(socket, "close");
    expect([...text.matchAll(/\r\n\r\n(\/\d)/g)].map(([, path]) => path)).toEqual(["/1", "/2", "/3"]);
    expect(most).toBe(1);
  });
});
