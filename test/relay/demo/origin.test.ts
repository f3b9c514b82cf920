import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demoBytes } from "../../../relay/demo/bodies.ts";
import { type Demo, startDemo } from "../../../relay/demo/origin.ts";

let demo: Demo;

beforeAll(async () => {
  demo = await startDemo({ host: "127.0.0.1", port: 0 });
});

afterAll(() => demo.stop());

function get(path: string, init?: RequestInit): Promise<Response> {
  return fetch(`${demo.url}${path}`, init);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("startDemo", () => {
  it("serves a small site that shows what the server saw", async () => {
    const home = await get("/", { headers: { "x-forwarded-for": "<b>203.0.113.9" } });
    expect(home.headers.get("content-type")).toContain("text/html");
    const text = await home.text();
    expect(text).toContain("&#60;b&#62;203.0.113.9");
    expect(text).not.toContain("<b>");
    expect((await get("/site.css")).headers.get("content-type")).toContain("text/css");
    expect((await get("/bridge.svg")).status).toBe(200);
  });

  it("answers 404 for what it does not have, names of Object's prototype included", async () => {
    for (const path of ["/nothing", "/constructor", "/__proto__", "/live/seg-1.ts"]) {
      expect((await get(path)).status, path).toBe(404);
    }
  });

  it("answers 400 for a number that is none", async () => {
    for (const path of ["/bytes/many", "/bytes/-1", "/bytes/99999999999999", "/status/99", "/status/600"]) {
      expect((await get(path)).status, path).toBe(400);
    }
  });

  it("names the port and the setting when the port is taken", async () => {
    await expect(startDemo({ host: "127.0.0.1", port: demo.port })).rejects.toThrow(
      new RegExp(`127\\.0\\.0\\.1:${demo.port}: the port is taken.*--demo-port`),
    );
  });

  it("frees its port and ends open connections when stopped", async () => {
    const other = await startDemo({ host: "127.0.0.1", port: 0 });
    const slow = await fetch(`${other.url}/slow?bytes=1000&ms=60000`);
    await other.stop();
    await expect(slow.arrayBuffer()).rejects.toThrow();
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(other.port, "127.0.0.1", () => resolve());
    });
    server.close();
  });
});

describe("downloads", () => {
  it("sends the same bytes with and without a length", async () => {
    const known = await get("/bytes/300000");
    expect(known.headers.get("content-length")).toBe("300000");
    const chunked = await get("/chunked/300000");
    expect(chunked.headers.get("content-length")).toBeNull();
    const bytes = await known.bytes();
    expect(bytes.length).toBe(300_000);
    expect(sha256(await chunked.bytes())).toBe(sha256(bytes));
  });

  it("never repeats a block", () => {
    const blocks = [...demoBytes(0, 8 * 65_536)].map((block) => sha256(block));
    expect(new Set(blocks).size).toBe(8);
  });

  it.each([
    ["bytes=0-9", 0, 10],
    ["bytes=65530-65550", 65_530, 65_551],
    ["bytes=199990-", 199_990, 200_000],
    ["bytes=-7", 199_993, 200_000],
    ["bytes=199999-900000", 199_999, 200_000],
  ])("serves the range %s", async (range, start, end) => {
    const part = await get("/bytes/200000", { headers: { range } });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/200000`);
    expect(sha256(await part.bytes())).toBe(sha256(Buffer.concat([...demoBytes(start, end)])));
  });

  it("refuses a range beyond the end with 416 and ignores what is no single range", async () => {
    expect((await get("/bytes/100", { headers: { range: "bytes=100-" } })).status).toBe(416);
    for (const range of ["bytes=5-1", "bytes=0-1,3-4", "lines=1-2", "bytes=-"]) {
      expect((await get("/bytes/100", { headers: { range } })).status, range).toBe(200);
    }
  });

  it("answers HEAD with the length and no body", async () => {
    const head = await get("/bytes/1099511627776", { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("1099511627776");
    expect((await head.bytes()).length).toBe(0);
  });

  it("spreads a slow body over the time asked for", async () => {
    const startedAt = performance.now();
    const slow = await get("/slow?bytes=1000&ms=300");
    const headersAfter = performance.now() - startedAt;
    expect((await slow.bytes()).length).toBe(1_000);
    const doneAfter = performance.now() - startedAt;
    expect(doneAfter).toBeGreaterThan(280);
    expect(headersAfter).toBeLessThan(doneAfter - 150);
  });

  it.each([100_000, 3_000_000])("compresses %d bytes of text", async (bytes) => {
    const reply = await get(`/gzip/${bytes}`);
    expect(reply.headers.get("content-encoding")).toBe("gzip");
    expect((await reply.text()).length).toBe(bytes);
  });

  it("gives short compressed replies a length", async () => {
    const { createConnection } = await import("node:net");
    const socket = createConnection(demo.port, "127.0.0.1");
    socket.write("GET /gzip/50 HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n");
    const raw = Buffer.concat(await socket.toArray());
    const at = raw.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/.exec(raw.subarray(0, at).toString())?.[1]);
    expect(raw.length - at - 4).toBe(length);
    expect(gunzipSync(raw.subarray(at + 4)).length).toBe(50);
  });

  it("breaks a truncated body off in the middle", async () => {
    const reply = await get("/truncate/1000000");
    expect(reply.headers.get("content-length")).toBe("1000000");
    await expect(reply.arrayBuffer()).rejects.toThrow();
  });
});

describe("inspection", () => {
  it("answers the hash of an upload", async () => {
    const body = Buffer.concat([...demoBytes(0, 1_000_000)]);
    const reply = await get("/upload", { method: "PUT", body });
    expect(await reply.json()).toEqual({ bytes: 1_000_000, sha256: sha256(body) });
  });

  it("answers request headers as JSON", async () => {
    const reply = await get("/headers", { headers: { "X-Test": "yes" } });
    expect(await reply.json()).toMatchObject({ "x-test": "yes", host: `127.0.0.1:${demo.port}` });
  });

  it("answers any status, without a body where none is allowed", async () => {
    for (const status of [200, 204, 304, 404, 503]) {
      const reply = await get(`/status/${status}`);
      expect(reply.status).toBe(status);
      expect(await reply.text()).toBe(status === 204 || status === 304 ? "" : `status ${status}\n`);
    }
  });

  it("redirects", async () => {
    const reply = await get("/redirect?to=/headers&status=307", { redirect: "manual" });
    expect([reply.status, reply.headers.get("location")]).toEqual([307, "/headers"]);
  });
});

describe("streams", () => {
  it("sends as many events as asked for, one by one", async () => {
    const reply = await get("/sse?count=3");
    const pieces: string[] = [];
    for await (const piece of reply.body ?? []) pieces.push(new TextDecoder().decode(piece));
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("").match(/^data: /gm)).toHaveLength(3);
  });

  it("streams an answer that repeats the question", async () => {
    const reply = await get("/answer", { method: "POST", body: JSON.stringify({ question: "Why?" }) });
    const pieces: string[] = [];
    for await (const piece of reply.body ?? []) pieces.push(new TextDecoder().decode(piece));
    expect(pieces.join("")).toContain("You asked: Why?");
    expect(pieces.length).toBeGreaterThan(5);
  });

  it.each(["", "[]", '{"question": 5}', "{"])("refuses the question %s", async (body) => {
    expect((await get("/answer", { method: "POST", body })).status).toBe(400);
  });
});
