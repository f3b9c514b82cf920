// A provider of lists and guides that answers in place of fetch, and the imports object with its alarm in a test's hands.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { vi } from "vitest";
import { push, send, testDocument, testEnv } from "../control/support.ts";

type Answer = Response | "refuse" | ((request: Request) => Response | Promise<Response>);

export interface Asked {
  readonly url: string;
  readonly headers: Headers;
}

/** What the provider answers, by URL, and what it was asked. */
export class Provider {
  readonly answers = new Map<string, Answer>();
  readonly asked: Asked[] = [];

  start(): void {
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      const request = new Request(input as string, { headers: init?.headers ?? {} });
      this.asked.push({ url: request.url, headers: request.headers });
      const answer = this.answers.get(request.url) ?? new Response("nothing here", { status: 404 });
      if (answer === "refuse") throw new TypeError("connection refused");
      return typeof answer === "function" ? answer(request) : answer.clone();
    });
  }

  text(url: string, body: string, headers: Record<string, string> = {}): void {
    this.answers.set(url, () => new Response(body, { headers }));
  }

  count(url: string): number {
    return this.asked.filter((one) => one.url === url).length;
  }
}

export function imports() {
  return testEnv.IMPORTS.getByName("root");
}

/** Runs the alarm as often as there is something to do at once; false: there was none. */
export async function alarm(): Promise<boolean> {
  return runDurableObjectAlarm(imports());
}

export function nextAlarm(): Promise<number | null> {
  return runInDurableObject(imports(), (_, state) => state.storage.getAlarm());
}

/** Pushes a configuration and has the object follow it. */
export async function pushAndFollow(document: Record<string, unknown>): Promise<void> {
  await push(await testDocument(document));
  await alarm();
}

export async function list(path = "/playlist.m3u"): Promise<string[]> {
  const text = await (await send(path)).text();
  return text.split("\n").filter((line) => line !== "");
}

/** The names in a list. */
export async function names(path?: string): Promise<string[]> {
  const lines = await list(path);
  return lines
    .filter((line) => line.startsWith("#EXTINF"))
    .map((line) => line.slice(line.lastIndexOf(",") + 1));
}

/** The path of the channel of that name. */
export async function addressOf(name: string): Promise<string> {
  const lines = await list();
  const at = lines.findIndex((line) => line.endsWith(`,${name}`));
  return new URL(lines[at + 1] ?? "").pathname;
}

export async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const body = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(body).arrayBuffer());
}

export async function gunzip(bytes: ArrayBuffer): Promise<string> {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
