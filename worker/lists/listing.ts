// What is listed at present: the configured channels, then those of each import, page by page, from whatever can give pages.

import { CausewayError } from "../../shared/errors.ts";
import { LIST_LIMITS } from "../../shared/limits.ts";
import type { ListedChannel } from "../../shared/lists/listed-channel.ts";

/** A page of an import's summaries; undefined behind the last one. */
export type SummaryPages = (name: string, gen: number, n: number) => Promise<ListedChannel[] | undefined>;

/** The channels of one import. @throws CausewayError `object_unreachable` where its first page is gone */
export async function* importedPages(
  name: string,
  gen: number,
  load: SummaryPages,
): AsyncGenerator<readonly ListedChannel[], void> {
  for (let n = 0; ; n++) {
    const page = await load(name, gen, n);
    // A list in service has at least one channel.
    if (page === undefined && n === 0) throw new CausewayError("object_unreachable");
    if (page === undefined) return;
    yield page;
    if (page.length < LIST_LIMITS.SUMMARIES_PER_ROW) return;
  }
}
