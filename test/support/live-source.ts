// Live sources under a test's control, and a viewer who notices whatever a player could trip over.

import { expect } from "vitest";
import { readBlocks } from "../../shared/hls/blocks.ts";
import type { HlsOrigin } from "./hls-origin.ts";

/** How often a new segment appears; the target duration is a second. */
const SEGMENT_MS = 500;

export interface LiveOptions {
  /** Its first number and its segments' names: sources count by themselves. */
  readonly base: number;
  readonly name: string;
  /** Lines above the first segment. */
  readonly head?: string;
  /** Time at which it stands still. */
  readonly stopsAt?: () => number;
}

/** A live playlist with ever new segments, six at a time. */
export function livePlaylist({ base, name, head = "", stopsAt }: LiveOptions): string {
  const now = Math.min(Date.now(), stopsAt?.() ?? Number.POSITIVE_INFINITY);
  const last = base + (Math.floor(now / SEGMENT_MS) % 1_000_000);
  const lines = Array.from({ length: 6 }, (_, n) => `#EXTINF:0.5,\n${name}-${last - 5 + n}.ts\n`);
  return `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:${last - 5}\n${head}${lines.join("")}`;
}

/** `path` of the origin answers with a live playlist. */
export function serveLive(origin: HlsOrigin, path: string, options: LiveOptions): void {
  origin.on(path, (_, response) => void response.end(livePlaylist(options)));
}

/** Reloads one playlist again and again, as players do. */
export class Viewer {
  readonly url: string;
  /** The last reply. */
  text = "";
  status = 0;
  code = "";
  /** Names of the segments seen so far, by sequence number. */
  readonly segments = new Map<number, string>();
  #first = 0;
  #discontinuity = 0;

  constructor(url: string) {
    this.url = url;
  }

  /** Names of sources whose segments are in the last reply. */
  get sources(): string[] {
    return [...new Set([...this.text.matchAll(/([a-z]+)-\d+\.ts/g)].map(([, name = ""]) => name))];
  }

  get last(): number {
    return Math.max(...this.segments.keys());
  }

  /** Numbers never go back, and each one stays one segment's. */
  async load(): Promise<void> {
    const response = await fetch(this.url);
    this.status = response.status;
    const body = await response.text();
    if (!response.ok) {
      this.code = (JSON.parse(body) as { error: { code: string } }).error.code;
      return;
    }
    this.text = body;
    expect(body).not.toContain("#EXT-X-ENDLIST");
    const blocks = readBlocks(body);
    if (!blocks) throw new Error("unreadable numbers");
    expect(blocks.first).toBeGreaterThanOrEqual(this.#first);
    expect(blocks.discontinuity).toBeGreaterThanOrEqual(this.#discontinuity);
    this.#first = blocks.first;
    this.#discontinuity = blocks.discontinuity;
    for (const [index, block] of blocks.blocks.entries()) {
      const name = block.lines.at(-1)?.text.split("/").at(-1) ?? "";
      expect(this.segments.get(blocks.first + index) ?? name).toBe(name);
      this.segments.set(blocks.first + index, name);
    }
  }
}
