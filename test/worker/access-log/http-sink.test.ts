import { env as bindings, createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createSecretBox } from "../../../shared/config/secrets.ts";
import { ACCESS_LOG_LIMITS as LIMITS } from "../../../shared/limits.ts";
import { HttpSink, httpSink } from "../../../worker/access-log/http-sink.ts";
import type { Env } from "../../../worker/env.ts";

const env = bindings as unknown as Env;
const URL_OF_SINK = "https://logs.test/take?key=secret";

let posts: { readonly url: string; readonly headers: Headers; readonly lines: string[] }[];
let answer: () => Promise<Response>;
let reported: unknown[];

beforeEach(() => {
  posts = [];
  answer = async () => new Response(null, { status: 204 });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const text = String(init?.body);
    posts.push({
      url: String(input),
      headers: new Headers(init?.headers),
      lines: text.trimEnd().split("\n"),
    });
    return answer();
  });
  reported = [];
  vi.spyOn(console, "error").mockImplementation((line) => void reported.push(line));
  // Rounds are run by hand.
  vi.spyOn(scheduler, "wait").mockImplementation(() => new Promise(() => undefined));
});

afterEach(() => vi.restoreAllMocks());

/** A context that is never waited for. */
function host(): { ctx: ExecutionContext; env: Env } {
  const ctx = createExecutionContext();
  vi.spyOn(ctx, "waitUntil").mockImplementation(() => undefined);
  return { ctx, env };
}

function filled(count: number, line = '{"event":"request"}'): HttpSink {
  const sink = new HttpSink({ url: URL_OF_SINK, headers: {} });
  const context = host();
  for (let i = 0; i < count; i++) sink.write(line, context);
  return sink;
}

describe("HttpSink", () => {
  it("posts all that waits in batches of at most 500 lines", async () => {
    const sink = filled(1_201);
    expect(await sink.round(env)).toBe(true);
    expect(posts.map(({ lines }) => lines.length)).toEqual([500, 500, 201]);
    expect(new Set(posts.map(({ headers }) => headers.get("x-causeway-batch"))).size).toBe(3);
    expect(sink.pending).toBe(false);
  });

  it("keeps a batch to the bound of its characters", async () => {
    await filled(20, "x".repeat(100_000)).round(env);
    expect(posts.map(({ lines }) => lines.length)).toEqual([10, 10]);
  });

  it("drops and counts what does not fit, and tells with the next batch", async () => {
    const sink = filled(LIMITS.QUEUE_RECORDS_MAX + 7);
    while (sink.pending) await sink.round(env);
    const lines = posts.flatMap((post) => post.lines);
    expect(lines).toHaveLength(LIMITS.QUEUE_RECORDS_MAX + 1);
    expect(lines.filter((line) => line.includes("records_dropped")).map((line) => JSON.parse(line))).toEqual([
      { event: "records_dropped", time: expect.any(String), records: 7 },
    ]);
  });

  it("bounds the characters that wait", async () => {
    const sink = filled(40, "x".repeat(1024 * 1024 - 1));
    while (sink.pending) await sink.round(env);
    expect(posts.flatMap(({ lines }) => lines).filter((line) => line.startsWith("x"))).toHaveLength(16);
  });

  it.each([500, 503, 429, 401, 404, 302])("offers a batch answered %i again as it was", async (status) => {
    const sink = filled(3);
    answer = async () => new Response(null, { status });
    expect(await sink.round(env)).toBe(false);
    sink.write('{"event":"later"}', host());
    answer = async () => new Response(null, { status: 200 });
    expect(await sink.round(env)).toBe(true);
    expect(posts.map(({ lines }) => lines.length)).toEqual([3, 3, 1]);
    expect(posts[1]?.headers.get("x-causeway-batch")).toBe(posts[0]?.headers.get("x-causeway-batch"));
  });

  it.each([400, 413])("gives up a batch answered %i and counts its records", async (status) => {
    const sink = filled(3);
    answer = async () => new Response(null, { status });
    expect(await sink.round(env)).toBe(false);
    answer = async () => new Response(null, { status: 200 });
    await sink.round(env);
    expect(JSON.parse(posts[1]?.lines[0] ?? "")).toMatchObject({ event: "records_dropped", records: 3 });
  });

  it("counts again what a batch told of as lost, if that is given up, too", async () => {
    const sink = filled(LIMITS.QUEUE_RECORDS_MAX + 7);
    answer = async () => new Response(null, { status: 413 });
    await sink.round(env);
    answer = async () => new Response(null, { status: 200 });
    while (sink.pending) await sink.round(env);
    const told = posts
      .slice(1)
      .flatMap(({ lines }) => lines.filter((line) => line.includes("records_dropped")));
    expect(told.map((line) => JSON.parse(line).records)).toEqual([LIMITS.BATCH_RECORDS_MAX + 7]);
  });

  it("offers a batch again that could not be sent, and reports it once without the address's secrets", async () => {
    const sink = filled(1);
    answer = async () => {
      throw new Error(`cannot reach ${URL_OF_SINK}`);
    };
    expect([await sink.round(env), await sink.round(env)]).toEqual([false, false]);
    expect(reported).toEqual([
      JSON.stringify({ event: "access_log_failing", sink: "https://logs.test", problem: "unreachable" }),
    ]);
    expect(sink.pending).toBe(true);
  });

  it("opens its sealed headers, and posts nothing when they were sealed under another key", async () => {
    const box = await createSecretBox(env.ROOT_KEY);
    const sealed = await box.seal("Bearer the-token-of-the-sink");
    const sink = new HttpSink({ url: URL_OF_SINK, headers: { Authorization: sealed } });
    sink.write("{}", host());
    await sink.round(env);
    expect(posts[0]?.headers.get("authorization")).toBe("Bearer the-token-of-the-sink");
    const other = await createSecretBox(`_${env.ROOT_KEY.slice(1)}`);
    const foreign = new HttpSink({ url: URL_OF_SINK, headers: { Authorization: await other.seal("x") } });
    foreign.write("{}", host());
    expect(await foreign.round(env)).toBe(false);
    expect(posts).toHaveLength(1);
  });
});

describe("httpSink", () => {
  it("is the same for the same configuration, whatever version it came with", async () => {
    const ctx = createExecutionContext();
    expect(httpSink({ url: URL_OF_SINK, headers: { A: "1" } })).toBe(
      httpSink({ url: URL_OF_SINK, headers: { A: "1" } }),
    );
    expect(httpSink({ url: URL_OF_SINK, headers: { A: "1" } })).not.toBe(
      httpSink({ url: URL_OF_SINK, headers: { A: "2" } }),
    );
    await waitOnExecutionContext(ctx);
  });
});
