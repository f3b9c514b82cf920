// What a conformance suite needs to know of the proxy that it judges, and how a rule of it is written. The suites know no
// product: a proxy is an address, and the ways through it that all have to keep the rules.

import { afterAll, beforeAll, expect, it } from "vitest";
import { askRaw, type RawReply, valuesOf } from "./raw-http.ts";

export interface ProxyUnderTest {
  /** Host names that lead to the suite's upstream, by what is special about the way. */
  readonly ways: Readonly<Record<string, string>>;
  /** Rules that the proxy does not keep, as "way: rule" or "rule", each with the reason: they are skipped. */
  readonly gaps?: Readonly<Record<string, string>>;
  /** Starts the proxy in front of the upstream at `upstream`; resolves to where it listens: http:, without a path. */
  start(upstream: string): Promise<Running>;
}

/** Something that listens until it is stopped. */
export interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

/** One way through the proxy, as a rule gets it. */
export interface Way {
  readonly url: string;
  readonly host: string;
  readonly name: string;
}

/** States one rule in plain words; it is checked on every way on its own. */
export type Rule = (name: string, check: (way: Way) => Promise<void>) => void;

const RULE_TIMEOUT_MS = 30_000;

/** Starts the suite's upstream and the proxy in front of it, and ends both after the last rule. */
export function rulesFor(proxy: ProxyUnderTest, startUpstream: () => Promise<Running>): Rule {
  let upstream: Running | undefined;
  let running: Running | undefined;
  beforeAll(async () => {
    upstream = await startUpstream();
    running = await proxy.start(upstream.url);
  }, 60_000);
  afterAll(async () => {
    await running?.stop();
    await upstream?.stop();
  });
  return (name, check) => {
    it.for(Object.entries(proxy.ways))(
      `${name} (%s)`,
      { timeout: RULE_TIMEOUT_MS },
      async ([way, host], context) => {
        const gap = proxy.gaps?.[`${way}: ${name}`] ?? proxy.gaps?.[name];
        if (gap !== undefined) context.skip(gap);
        if (!running) throw new Error("The proxy did not start");
        await check({ url: running.url, host, name: way });
      },
    );
  };
}

/** One reply to a request sent on `way`. */
export function ask(
  way: Way,
  target: string,
  options: { method?: string; fields?: readonly string[] } = {},
): ReturnType<typeof askRaw> {
  return askRaw(way.url, way.host, target, options);
}

/** The reply is the proxy's own refusal: whole, of that status, with a code and a request id that its head repeats. */
export function expectRefusal(reply: RawReply, statuses: readonly number[]): string {
  expect(statuses, `${reply.status} ${reply.body}`).toContain(reply.status);
  expect(reply.whole).toBe(true);
  const { error } = JSON.parse(reply.body.toString()) as { error: { code: string; request_id: string } };
  expect(error.code).toMatch(/^[a-z_]+$/);
  expect(valuesOf(reply, "x-request-id")).toEqual([error.request_id]);
  return error.code;
}
