// The sources that a configuration asks for, and their addresses with secrets opened: only here, only while they are fetched.

import type { Index } from "../../shared/config/document.ts";
import type { ChannelImportConfig, GuideConfig } from "../../shared/config/schema.ts";
import type { SecretBox } from "../../shared/config/secrets.ts";
import { CausewayError } from "../../shared/errors.ts";
import { shortName } from "../../shared/net/hash.ts";
import type { Provider } from "./download.ts";
import type { SourcePlan } from "./source-state.ts";

/**
 * Every source: lists, then guides in the order in which they are merged. Those of imports come first: what their channels
 * are called there is what they mean.
 */
export function plansOf({ imports, guides }: Pick<Index, "imports" | "guides">): SourcePlan[] {
  const lists = imports.map(({ every, ...rest }) => plan(`list:${rest.name}`, every, rest));
  const own = guides.map(({ every, ...rest }) => plan(`guide:${rest.name}`, every, rest));
  const theirs = imports.flatMap(({ name, every, epg, headers, via, tvg_prefix }) =>
    epg === undefined ? [] : [plan(`epg:${name}`, every, { epg, headers, via, tvg_prefix })],
  );
  return [...lists, ...theirs, ...own];
}

function plan(key: SourcePlan["key"], every: number, rest: object): SourcePlan {
  return { key, every, digest: shortName(JSON.stringify(rest)) };
}

/** @throws CausewayError `secrets_missing` when one was sealed under another root key */
export async function providerOf(
  { headers, via }: Pick<ChannelImportConfig | GuideConfig, "headers" | "via">,
  url: string,
  box: SecretBox,
): Promise<Provider> {
  const opened = await Promise.all(
    Object.entries(headers).map(async ([name, value]) => [name, await openText(value, box)] as const),
  );
  return { url: await openText(url, box), headers: Object.fromEntries(opened), via };
}

async function openText(text: string, box: SecretBox): Promise<string> {
  const plain = text.startsWith("sealed:") ? await box.open(text) : text;
  if (plain === undefined) throw new CausewayError("secrets_missing");
  return plain;
}
