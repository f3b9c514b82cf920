// What a refresh of a source and a merge of guides work with: the configuration in service, and the pages of the object.

import type { Index } from "../../shared/config/document.ts";
import type { SecretBox } from "../../shared/config/secrets.ts";
import type { ListedChannel } from "../../shared/lists/listed-channel.ts";
import type { Egress } from "../directory/egress.ts";
import type { PageKey, PageKind } from "./store.ts";

/** What a refresh or a merge works with. */
export interface Work {
  readonly index: Index;
  readonly box: SecretBox;
  /** The generation of each list that is in service. */
  readonly lists: Readonly<Record<string, number>>;
  egress(relay: string): Egress;
  /** Fetches what the configuration names. */
  readonly inside: typeof fetch;
  /** Fetches what a provider names: from public addresses only. */
  readonly outside: typeof fetch;
  /** Refuses what a provider may not name. @throws CausewayError `target_refused` */
  assertOutside(url: URL, relay: string | undefined): void;
  /** Keeps a page. */
  stage(key: PageKey, gen: number, kind: PageKind, n: number, body: string | Uint8Array): Promise<void>;
  text(key: PageKey, gen: number, kind: PageKind, n: number): Promise<string | undefined>;
  bytes(key: PageKey, gen: number, kind: PageKind, n: number): Promise<Uint8Array | undefined>;
  /** A page of an import's summaries. */
  summaries(name: string, gen: number, n: number): Promise<ListedChannel[] | undefined>;
}
