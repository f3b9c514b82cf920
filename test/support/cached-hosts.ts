// Hosts with a cache in front of a scripted origin, as end-to-end tests of the HTTP cache start them.

import { CacheOrigin } from "./cache-origin.ts";
import { type Product, startProduct } from "./product.ts";

/** The host that `get` asks unless told otherwise. */
export const HOST = "cached.test";

export interface Got {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  /** Cache-Status without the cache's name. */
  readonly cache: string;
}

export class CachedHosts {
  readonly origin: CacheOrigin;
  readonly product: Product;

  private constructor(origin: CacheOrigin, product: Product) {
    this.origin = origin;
    this.product = product;
  }

  /** Starts HOST and `others`, which are given as keys of a host by its name. */
  static async start(others: Readonly<Record<string, object>>): Promise<CachedHosts> {
    const origin = await CacheOrigin.start();
    const upstreams = [origin.url];
    const hosts = Object.entries({ [HOST]: { cache: true }, ...others }).map(([host, keys]) => ({
      host,
      upstreams,
      retries: 0,
      body_idle_timeout: "2s",
      ...keys,
    }));
    return new CachedHosts(origin, await startProduct({ config: { relay: undefined, hosts } }));
  }

  async get(
    path: string,
    headers: Record<string, string> = {},
    { host = HOST, method = "GET" }: { readonly host?: string; readonly method?: string } = {},
  ): Promise<Got> {
    const reply = await this.product.fetchHost(host, path, { headers, method });
    const cache = reply.headers.get("cache-status")?.replace("causeway; ", "") ?? "";
    return { status: reply.status, text: await reply.text(), headers: reply.headers, cache };
  }

  async stop(): Promise<void> {
    await this.product.stop();
    await this.origin.stop();
  }
}
