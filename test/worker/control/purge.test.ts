import { beforeAll, describe, expect, it } from "vitest";
import { currentConfig } from "../../../worker/directory/client.ts";
import { context } from "../directory/fixture.ts";
import {
  bearer,
  errorCode,
  OPERATOR_TOKEN,
  post,
  push,
  send,
  testDocument,
  testEnv,
  VIEWER_TOKEN,
} from "./support.ts";

const operator = { Authorization: `Bearer ${OPERATOR_TOKEN}` };

beforeAll(async () => {
  await push(await testDocument({ hosts: [{ host: "a.test", upstreams: ["http://127.0.0.1:1"] }] }));
});

async function purge(body: unknown): Promise<Response> {
  return send("/api/cache/purge", post(body, operator));
}

async function epochOf(host: string, pathAndQuery: string): Promise<number> {
  return (await currentConfig(testEnv, context())).live.purgeEpoch(host, pathAndQuery);
}

describe("POST /api/cache/purge", () => {
  it("raises the epoch of one address, spelled as requests spell it", async () => {
    const response = await purge({ url: "https://A.test.:8443/x/../y%20z?q=ä#part" });
    expect(response.status).toBe(200);
    const { purged, epoch } = await response.json<{ purged: unknown; epoch: number }>();
    expect(purged).toEqual({ host: "a.test", exact: "/y%20z?q=%C3%A4" });
    expect(await epochOf("a.test", "/y%20z?q=%C3%A4")).toBe(epoch);
    expect(await epochOf("a.test", "/y%20z")).toBe(0);
  });

  it("raises the epoch of a prefix and of a host, each time higher", async () => {
    await purge({ host: "b.test", prefix: "/img/" });
    const first = await epochOf("b.test", "/img/1");
    expect(first).toBeGreaterThan(0);
    expect(await epochOf("b.test", "/other")).toBe(0);
    await purge({ host: "*.test" });
    expect(await epochOf("b.test", "/img/1")).toBeGreaterThan(first);
  });

  it("raises the epoch of a channel, named by its id or by an address on a host that serves channels", async () => {
    const response = await purge({ channel: "ch_a" });
    const { purged, epoch } = await response.json<{ purged: unknown; epoch: number }>();
    expect(purged).toEqual({ channel: "ch_a" });
    expect(await epochOf("channel:ch_a", "")).toBe(epoch);
    expect(await epochOf("channel:ch_b", "")).toBe(0);
    const host = testEnv.CONTROL_HOSTS.split(",")[0];
    const byUrl = await purge({ url: `http://${host}/proxy/ch_b/seg/1.ts?q=x` });
    expect((await byUrl.json<{ purged: unknown }>()).purged).toEqual({ channel: "ch_b" });
    expect(await epochOf("channel:ch_b", "")).toBeGreaterThan(epoch);
    const elsewhere = await purge({ url: "http://a.test/proxy/ch_c/1.ts" });
    expect((await elsewhere.json<{ purged: unknown }>()).purged).toEqual({
      host: "a.test",
      exact: "/proxy/ch_c/1.ts",
    });
  });

  it("covers channels by a purge of everything", async () => {
    const { epoch } = await (await purge({ host: "*" })).json<{ epoch: number }>();
    expect(await epochOf("channel:ch_z", "")).toBe(epoch);
  });

  it.each([
    {},
    { channel: "news" },
    { channel: "ch_a", host: "a.test" },
    { url: "/relative" },
    { url: "ftp://a.test/" },
    { host: "a.test/x" },
    { host: "." },
    { host: "ä b" },
    { host: "a.test", prefix: "img" },
    { prefix: "/img" },
    { url: "http://a.test/", host: "a.test" },
    { url: `http://a.test/${"x".repeat(9_000)}` },
    "text",
  ])("refuses %j", async (body) => {
    const response = await purge(body);
    expect([response.status, await errorCode(response)]).toEqual([400, "bad_request"]);
  });

  it("is for operators", async () => {
    expect((await send("/api/cache/purge", post({ host: "a.test" }))).status).toBe(401);
    const viewer = { Authorization: `Bearer ${VIEWER_TOKEN}` };
    expect((await send("/api/cache/purge", post({ host: "a.test" }, viewer))).status).toBe(403);
  });
});

describe("GET /api/health-checks", () => {
  it("lists the checks for viewers, and for nobody without a token", async () => {
    const response = await send("/api/health-checks", bearer(VIEWER_TOKEN));
    expect([response.status, await response.json()]).toEqual([200, { checks: [] }]);
    expect((await send("/api/health-checks")).status).toBe(401);
  });
});
