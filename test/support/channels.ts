// What tests of channels share: the product with one channel per purpose, an origin that a test controls, and short
// ways to ask for things and to read what came.

import { createHash } from "node:crypto";
import { type HlsOrigin, startHlsOrigin } from "./hls-origin.ts";
import { type Product, startProduct } from "./product.ts";

export interface ChannelProduct {
  readonly product: Product;
  readonly origin: HlsOrigin;
  /** Asks the edge for a path behind /proxy/. */
  get(path: string, init?: RequestInit): Promise<Response>;
  stop(): Promise<void>;
}

/** Starts the product; the channel `ch_X` has its origin's folder `/X/`, but for ch_demo, which is the demo's. */
export async function startChannels(): Promise<ChannelProduct> {
  const origin = await startHlsOrigin();
  const channel = (name: string, more: object = {}) => ({
    id: `ch_${name}`,
    sources: [`${origin.url}/${name}/index.m3u8`],
    ...more,
  });
  const product = await startProduct({
    config: (demo) => ({
      channels: [
        { id: "ch_demo", name: "Demo channel", group: "Demo", sources: [`${demo}/live/index.m3u8`] },
        channel("a", {
          name: 'The "A", channel',
          headers: { "User-Agent": "Player/9", Cookie: "key=1" },
          ignore_query: ["sid"],
          forward_query: ["lang"],
        }),
        channel("brief", { sources: [`${origin.url}/a/index.m3u8`], response_header_timeout: "300ms" }),
        channel("stats"),
        channel("moved"),
        channel("stale"),
        channel("gone"),
        channel("open", { hide_query: false }),
        channel("login"),
        channel("full", { max_viewers: 1 }),
        channel("spelled", { sources: [`${origin.url.replace("http", "HTTP")}/x/../spelled/index.m3u8`] }),
      ],
    }),
  });
  return {
    product,
    origin,
    get: (path, init = {}) => fetch(`${product.edge}/proxy/${path}`, init),
    async stop() {
      await product.stop();
      await origin.stop();
    },
  };
}

let nextFolder = 0;

/** A path of its own per test, so that no test sees another's cache. */
export function folder(): string {
  return `f${nextFolder++}`;
}

export async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

/** The code of an error reply. */
export async function codeOf(response: Response): Promise<string> {
  const body = (await response.json()) as { error: { code: string } };
  return body.error.code;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The URI lines of a playlist, resolved against where it was served. */
export async function children(response: Response): Promise<string[]> {
  const lines = (await response.text()).split(/\r?\n/);
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => new URL(line, response.url).href);
}

/** A playlist of a recording with these segments. */
export function media(...lines: string[]): string {
  return `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-ENDLIST\n${lines.map((line) => `#EXTINF:2,\n${line}\n`).join("")}`;
}
