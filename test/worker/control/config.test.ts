// Threats: a push that overwrites somebody else's, one too large for the isolate, secrets shown to a reader.

import { beforeAll, describe, expect, it } from "vitest";
import { CONTROL_LIMITS } from "../../../shared/limits.ts";
import { ADMIN_TOKEN, bearer, errorCode, OPERATOR_TOKEN, push, send, testDocument } from "./support.ts";

interface VersionAnswer {
  version: number;
}

beforeAll(async () => {
  await push(await testDocument());
});

function put(body: BodyInit, headers: Record<string, string> = {}): Promise<Response> {
  return send("/api/config", { method: "PUT", body, ...bearer(OPERATOR_TOKEN, headers) });
}

async function currentVersion(): Promise<number> {
  return (await (await send("/api/config", bearer(OPERATOR_TOKEN))).json<VersionAnswer>()).version;
}

describe("GET /api/config", () => {
  it("answers the document with its version as ETag and no secret in it", async () => {
    const document = await testDocument();
    await put(JSON.stringify(document));
    const response = await send("/api/config", bearer(OPERATOR_TOKEN));
    const text = await response.text();
    const { version } = JSON.parse(text) as VersionAnswer;
    expect(response.headers.get("etag")).toBe(`"${version}"`);
    expect(text).not.toContain("sha256:");
    expect(JSON.parse(text)).toMatchObject({
      document: { edge: { tokens: [{ name: "wall" }, { name: "ops" }] } },
    });
  });
});

describe("PUT /api/config", () => {
  it("answers the new version", async () => {
    const before = await currentVersion();
    const response = await put(JSON.stringify(await testDocument({ channels: [] })), {
      "If-Match": `"${before}"`,
    });
    expect(response.status).toBe(200);
    expect((await response.json<VersionAnswer>()).version).toBeGreaterThan(before);
  });

  it("refuses a push on top of a version that is no longer current", async () => {
    const version = await currentVersion();
    const response = await put(JSON.stringify(await testDocument()), { "If-Match": `"${version - 1}"` });
    expect(response.status).toBe(409);
    expect(await errorCode(response)).toBe("config_conflict");
    expect(await currentVersion()).toBe(version);
  });

  it("reports every problem at once, and changes nothing", async () => {
    const version = await currentVersion();
    const response = await put(JSON.stringify({ hosts: [{ host: "a b", upstreams: [] }], colour: "red" }));
    expect(response.status).toBe(422);
    const { error } = await response.json<{
      error: { code: string; request_id: string; problems: unknown[] };
    }>();
    expect(error.code).toBe("config_invalid");
    expect(error.request_id).toBe(response.headers.get("x-request-id"));
    expect(error.problems.length).toBeGreaterThanOrEqual(3);
    expect(error.problems[0]).toEqual({
      path: expect.any(String),
      value: expect.any(String),
      legal: expect.any(String),
    });
    expect(await currentVersion()).toBe(version);
  });

  it("refuses bodies that are no JSON", async () => {
    for (const body of ["", "{", "hosts = []", new Uint8Array([0x22, 0xff, 0x22])])
      expect((await put(body)).status).toBe(400);
  });

  it("refuses a body whose announced length is over the bound, and one that grows past it unannounced", async () => {
    const announced = await put("{}", { "Content-Length": String(CONTROL_LIMITS.CONFIG_BYTES_MAX + 1) });
    expect([announced.status, await errorCode(announced)]).toEqual([413, "request_too_large"]);
    const chunk = new Uint8Array(1024 * 1024).fill(0x20);
    let pulled = 0;
    const endless = new ReadableStream({
      pull(controller) {
        pulled++;
        controller.enqueue(chunk);
      },
    });
    const grown = await put(endless);
    expect([grown.status, await errorCode(grown)]).toEqual([413, "request_too_large"]);
    expect(pulled * chunk.byteLength).toBeLessThan(CONTROL_LIMITS.CONFIG_BYTES_MAX * 2);
  });

  it("refuses an If-Match that is no version", async () => {
    expect((await put("{}", { "If-Match": 'W/"abc"' })).status).toBe(400);
  });
});

describe("versions and rollback", () => {
  it("make an earlier document current again, as a new version", async () => {
    await put(JSON.stringify(await testDocument({ edge: { ...((await testDocument()).edge as object) } })));
    const old = await currentVersion();
    await put(
      JSON.stringify(await testDocument({ hosts: [{ host: "a.test", upstreams: ["http://up.test"] }] })),
    );
    const { versions } = await (await send("/api/config/versions", bearer(ADMIN_TOKEN))).json<{
      versions: VersionAnswer[];
    }>();
    expect(versions.map(({ version }) => version)).toContain(old);
    const response = await send("/api/config/rollback", {
      method: "POST",
      body: JSON.stringify({ version: old }),
      ...bearer(OPERATOR_TOKEN),
    });
    expect(response.status).toBe(200);
    expect((await response.json<VersionAnswer>()).version).toBeGreaterThan(old);
    const text = await (await send("/api/config", bearer(OPERATOR_TOKEN))).text();
    expect(text).not.toContain("a.test");
  });

  it("refuse a version that is not kept, and a body that names none", async () => {
    for (const [body, status] of [
      ['{"version":999999}', 404],
      ['{"version":"1"}', 400],
      ["{}", 400],
    ] as const) {
      const init = { method: "POST", body, ...bearer(OPERATOR_TOKEN) };
      expect((await send("/api/config/rollback", init)).status).toBe(status);
    }
  });
});
