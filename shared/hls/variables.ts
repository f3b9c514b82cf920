// Variables of EXT-X-DEFINE (RFC 8216bis section 4.4.2.3): collected in file order and put into URIs before these are
// resolved, because behind a proxy a client reads another playlist URL than the origin wrote for. Pure.

import { HLS_LIMITS } from "../limits.ts";
import { type Attribute, attributeValue } from "./attributes.ts";
import { queryPairs } from "./query.ts";

export interface VariableSources {
  /** Query of the playlist's own URL after redirects, without "?"; QUERYPARAM reads it. */
  readonly query: string;
  /** Variables of the playlist that named this one; IMPORT reads them. */
  readonly imported: ReadonlyMap<string, string>;
}

/** What one EXT-X-DEFINE defines, or undefined when it defines nothing that is known. */
export function readDefinition(
  line: string,
  attributes: readonly Attribute[],
  sources: VariableSources,
): [name: string, value: string] | undefined {
  const name = attributeValue(line, attributes, "NAME");
  if (name !== undefined) return [name, attributeValue(line, attributes, "VALUE") ?? ""];
  const imported = attributeValue(line, attributes, "IMPORT");
  if (imported !== undefined) {
    const value = sources.imported.get(imported);
    return value === undefined ? undefined : [imported, value];
  }
  const parameter = attributeValue(line, attributes, "QUERYPARAM");
  if (parameter === undefined) return undefined;
  const pair = queryPairs(sources.query).find((candidate) => candidate.name === parameter);
  return pair && [parameter, pair.value];
}

/**
 * `text` with each known `{$name}` replaced; unknown ones stay as they are, and all of them where the result would be
 * longer than any URI: a few megabytes of playlist could otherwise stand for terabytes.
 */
export function substitute(text: string, variables: ReadonlyMap<string, string>): string {
  if (variables.size === 0 || !text.includes("{$")) return text;
  let room: number = HLS_LIMITS.SUBSTITUTED_CHARS_MAX;
  const replaced = text.replace(/\{\$([A-Za-z0-9_-]+)\}/g, (whole, name: string) => {
    const value = variables.get(name) ?? whole;
    room -= value.length;
    return room < 0 ? "" : value;
  });
  return room < 0 ? text : replaced;
}
