// Who is let in to a host, how often and for how much, through the whole product: sign-in, addresses, countries, rates,
// places, quotas and expiry, and how the stats show them.

import { once } from "node:events";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import WebSocket from "ws";
import { hashPassword } from "../../relay/password.ts";
import { readSecrets } from "../../relay/serve/secrets.ts";
import type { ServiceSnapshot } from "../../shared/flow/snapshot.ts";
import { PatientOrigin, STUCK_BYTES } from "../support/patient-origin.ts";
import { type Product, startProduct } from "../support/product.ts";
import { readStats } from "../support/stats.ts";

const TOKEN = "a-bearer-token-of-these-tests";
const DAY_MS = 86_400_000;

let origin: PatientOrigin;
let product: Product;
let front: string;

beforeAll(async () => {
  origin = await PatientOrigin.start();
  const upstreams = [origin.url];
  const day = (offset: number) => new Date(Date.now() + offset * DAY_MS).toISOString().slice(0, 10);
  const basic_auth = [
    { user: "alice", password: "wonder:land" },
    { user: "bob", password: await hashPassword("käse") },
  ];
  product = await startProduct({
    config: (demo) => ({
      hosts: [
        { host: "users.test", upstreams, basic_auth, bearer: [{ name: "ci", token: TOKEN }], realm: "Inner" },
        { host: "guess.test", upstreams, bearer: [{ name: "ci", token: TOKEN }] },
        { host: "office.test", upstreams, allow: ["203.0.113.0/24"], deny: ["203.0.113.66"] },
        { host: "german.test", upstreams, allow_countries: ["DE"] },
        { host: "old.test", upstreams, expires: day(0) },
        { host: "young.test", upstreams, expires: day(2) },
        { host: "rate.test", upstreams, rate: "3/1h" },
        { host: "busy.test", upstreams, host_rate: "4/1h", scope: "global" },
        { host: "places.test", upstreams, max_connections: 2, scope: "global", cors: { origins: ["*"] } },
        { host: "quota.test", upstreams, quota: "2MB/month" },
        { host: "up.test", upstreams, quota: "1MB/month" },
        { host: "breaks.test", upstreams, quota: "1MB/month" },
        { host: "quota.test", path: "/echo", upstreams: [demo], quota: "1MB/month" },
      ],
    }),
  });
  front = (await readSecrets(product.stateDir)).FRONT_SECRET ?? "";
}, 60_000);

afterAll(async () => {
  await product.stop();
  origin.stop();
});

/** A request by a client of that address. */
function ask(
  host: string,
  path = "/",
  client = "192.0.2.1",
  headers: Record<string, string> = {},
): Promise<Response> {
  const named = { "x-causeway-front": front, "x-causeway-client": client, ...headers };
  return product.fetchHost(host, path, { headers: named });
}

function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` };
}

async function refusal(reply: Response): Promise<[status: number, code: string]> {
  const { error } = (await reply.json()) as { error: { code: string } };
  return [reply.status, error.code];
}

/** Waits until the stats of a service contain `expected`. */
async function untilShown(service: string, expected: Partial<ServiceSnapshot>): Promise<void> {
  await vi.waitFor(
    async () => {
      const { services } = await readStats(product);
      expect(services.find((entry) => entry.service === service)).toMatchObject(expected);
    },
    { timeout: 10_000, interval: 100 },
  );
}

describe("sign-in", () => {
  it("asks for it, lets users and holders of tokens in, and tells nobody else why not", async () => {
    const asked = await ask("users.test");
    expect(asked.headers.get("www-authenticate")).toBe(
      'Basic realm="Inner", charset="UTF-8", Bearer realm="Inner"',
    );
    expect(await refusal(asked)).toEqual([401, "sign_in_required"]);
    const clients = { alice: "wonder:land", bob: "käse" };
    for (const [user, password] of Object.entries(clients))
      expect((await ask("users.test", "/", "192.0.2.2", basic(user, password))).status, user).toBe(200);
    const bearer = await ask("users.test", "/", "192.0.2.2", { authorization: `Bearer ${TOKEN}` });
    // As Caddy and Traefik do: what was presented goes on.
    expect(await bearer.json()).toMatchObject({ authorization: `Bearer ${TOKEN}` });
    for (const wrong of [basic("alice", "käse"), basic("nobody", "käse"), { authorization: "Bearer x" }])
      expect(await refusal(await ask("users.test", "/", "192.0.2.3", wrong))).toEqual([
        401,
        "sign_in_required",
      ]);
    await untilShown("users.test", { refused: { sign_in_required: 4 }, errors: 4 });
  });

  it("makes who guesses wait, and nobody else", async () => {
    let code = "";
    for (let guess = 0; guess < 10 && code !== "sign_in_limited"; guess++) {
      const reply = await ask("guess.test", "/", "192.0.2.9", { authorization: `Bearer guess-${guess}` });
      if (reply.status === 429) expect(Number(reply.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      [, code] = await refusal(reply);
    }
    expect(code).toBe("sign_in_limited");
    const right = { authorization: `Bearer ${TOKEN}` };
    expect((await ask("guess.test", "/", "192.0.2.10", right)).status).toBe(200);
  });

  it("shows hashes and tokens to no operator, and survives a push without another check", async () => {
    const config = await (await product.api("/api/config")).text();
    expect(config).not.toMatch(/scrypt:|sha256:|wonder/);
    await product.push({});
    expect((await ask("users.test", "/", "192.0.2.2", basic("alice", "wonder:land"))).status).toBe(200);
  });
});

describe("addresses and countries", () => {
  it("lets in by address, however it is spelled", async () => {
    expect((await ask("office.test", "/", "203.0.113.5")).status).toBe(200);
    expect((await ask("office.test", "/", "::ffff:203.0.113.5")).status).toBe(200);
    expect(await refusal(await ask("office.test", "/", "203.0.113.66"))).toEqual([403, "address_denied"]);
    expect(await refusal(await ask("office.test", "/", "2001:db8::1"))).toEqual([403, "address_denied"]);
    expect(await refusal(await product.fetchHost("office.test", "/"))).toEqual([403, "address_denied"]);
  });

  it("lets in by country, where the front names it, and believes nobody else", async () => {
    const germany = { "x-causeway-country": "DE" };
    const reply = await ask("german.test", "/", "192.0.2.1", germany);
    expect(reply.status).toBe(200);
    expect(await reply.json()).not.toHaveProperty("x-causeway-country");
    expect(await refusal(await ask("german.test"))).toEqual([403, "country_denied"]);
    const claimed = { ...germany, "cf-ipcountry": "DE", "mf-cf-blob": '{"colo":"FRA","country":"DE"}' };
    const liar = await product.fetchHost("german.test", "/", { headers: claimed });
    expect(await refusal(liar)).toEqual([403, "country_denied"]);
  });
});

describe("expiry", () => {
  it("turns everybody away from the day on, and shows the day before", async () => {
    expect(await refusal(await ask("old.test"))).toEqual([403, "host_expired"]);
    expect((await ask("young.test")).status).toBe(200);
    const expiresAt = Date.parse(new Date(Date.now() + 2 * DAY_MS).toISOString().slice(0, 10));
    await untilShown("young.test", { expires_at: expiresAt });
    await untilShown("old.test", { refused: { host_expired: 1 } });
  });
});

describe("rates", () => {
  it("counts each client, and tells what is left", async () => {
    const first = await ask("rate.test");
    expect(first.headers.get("ratelimit-policy")).toBe('"client";q=3;w=3600');
    expect(first.headers.get("ratelimit")).toMatch(/^"client";r=2;t=\d+$/);
    await ask("rate.test");
    await ask("rate.test");
    const refused = await ask("rate.test");
    expect(refused.headers.get("ratelimit")).toMatch(/^"client";r=0;t=\d+$/);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(60);
    expect(await refusal(refused)).toEqual([429, "rate_limited"]);
    expect((await ask("rate.test", "/", "192.0.2.77")).status).toBe(200);
    await untilShown("rate.test", { refused: { rate_limited: 1 }, requests: 5 });
  });

  it("holds a host's rate for all clients together, world-wide", async () => {
    const statuses = [];
    for (let client = 1; client <= 6; client++)
      statuses.push((await ask("busy.test", "/", `192.0.2.${client}`)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
  });
});

describe("max_connections with scope global", () => {
  it("lets so many in at a time, and the next one as soon as one has left", async () => {
    const open = [ask("places.test", "/wait")];
    await origin.untilWaiting(1);
    open.push(ask("places.test", "/wait"));
    await origin.untilWaiting(2);
    const full = await ask("places.test", "/", "192.0.2.1", { origin: "https://page.test" });
    expect(full.headers.get("retry-after")).not.toBeNull();
    expect(full.headers.get("access-control-allow-origin")).toBe("*");
    expect(await refusal(full)).toEqual([503, "too_many_connections"]);
    origin.letGo();
    expect(await (await open[0])?.text()).toBe("waited");
    await vi.waitFor(async () => expect((await ask("places.test")).status).toBe(200), { timeout: 5_000 });
    origin.letGo();
    await open[1];
    await untilShown("places.test", { active: 0, refused: { too_many_connections: expect.any(Number) } });
  });
});

describe("quota", () => {
  it("breaks off what is open within 5 s of the last byte that was left, and then lets nobody in", async () => {
    const reply = await ask("quota.test", "/flood");
    let received = 0;
    let usedUpAt = 0;
    const reading = (async () => {
      for await (const chunk of reply.body ?? []) {
        received += chunk.byteLength;
        if (received >= 2e6) usedUpAt ||= Date.now();
      }
    })();
    await expect(reading).rejects.toThrow();
    expect(Date.now() - usedUpAt).toBeLessThan(5_000);
    const refused = await ask("quota.test");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refusal(refused)).toEqual([403, "quota_exceeded"]);
    await untilShown("quota.test", { refused: { quota_exceeded: 1 } });
    const { services } = await readStats(product);
    const quota = services.find(({ service }) => service === "quota.test")?.quota;
    expect(quota?.limit).toBe(2e6);
    expect(quota?.used).toBeGreaterThanOrEqual(received);
    expect(new Date(quota?.resets_at ?? 0).getUTCDate()).toBe(1);
  }, 20_000);

  it("refuses an upload in its midst", async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        yield Buffer.alloc(100_000);
        await sleep(50);
      }
    }
    const body = Readable.from(endless());
    const reply = await product.fetchHost("up.test", "/take", { method: "POST", body });
    body.destroy();
    expect(await refusal(reply)).toEqual([403, "quota_exceeded"]);
  }, 20_000);

  it("counts what moved of bodies that their clients always break off", async () => {
    for (let n = 0; n < 3; n++) {
      const leaving = new AbortController();
      const reply = await product.fetchHost("breaks.test", "/stuck", { signal: leaving.signal });
      let received = 0;
      const reading = (async () => {
        for await (const chunk of reply.body ?? []) {
          received += chunk.byteLength;
          if (received === STUCK_BYTES) leaving.abort();
        }
      })();
      await expect(reading).rejects.toThrow();
    }
    await vi.waitFor(
      async () => expect(await refusal(await ask("breaks.test"))).toEqual([403, "quota_exceeded"]),
      { timeout: 6_000, interval: 100 },
    );
  }, 20_000);

  it("closes sockets, too", async () => {
    const socket = new WebSocket(product.edge.replace("http", "ws").concat("/echo"), {
      headers: { host: "quota.test" },
    });
    await once(socket, "open");
    const closed = once(socket, "close");
    const timer = setInterval(() => socket.send(Buffer.alloc(100_000)), 100);
    const [code, reason] = (await closed) as [number, Buffer];
    clearInterval(timer);
    expect([code, String(reason)]).toEqual([1008, "quota_exceeded"]);
  }, 20_000);

  it("remembers what was used over a restart, and lets a host go on under a larger quota", async () => {
    await product.restartEdge();
    expect(await refusal(await ask("quota.test"))).toEqual([403, "quota_exceeded"]);
    await product.push({ hosts: [{ host: "quota.test", upstreams: [origin.url], quota: "1GB/month" }] });
    await vi.waitFor(async () => expect((await ask("quota.test")).status).toBe(200), { timeout: 6_000 });
    await vi.waitFor(
      async () => {
        const { services } = await readStats(product);
        const quota = services.find(({ service }) => service === "quota.test")?.quota;
        expect(quota?.limit).toBe(1e9);
        expect(quota?.used).toBeGreaterThan(2e6);
      },
      { timeout: 5_000, interval: 100 },
    );
  }, 30_000);
});
