// Rewrites the JSON documents of HLS: lists of interstitial assets (X-ASSET-LIST) and steering manifests. Only the strings
// that are URIs change, and of pathway clones the host and the query; every other byte stays. Pure.

import type { Children } from "./children.ts";
import { type JsonPath, parseJson, visitJson } from "./json.ts";
import { pathwayParam, type Replacement } from "./pathway.ts";
import { applyEdits, type Edit } from "./rewrite.ts";
import type { ChildKind, DocumentKind } from "./tags.ts";

export interface DocumentOptions {
  readonly kind: DocumentKind;
  /** The host name that the client asked: a clone's URIs stay on it. */
  readonly host: string;
  /** Seals what a clone changes in its URIs. */
  readonly sealReplacement: (replacement: Replacement) => Promise<string>;
}

interface Place {
  readonly start: number;
  readonly end: number;
  readonly value: unknown;
}

/** What a clone says of the URIs that it does not name one by one. */
interface Clone {
  id: string;
  hosts: Place[];
  params: Place[];
}

const NONE = new Map<string, string>();
/** Paths of URIs and what these lead to; "*" is any name or index. */
const URIS: Readonly<Record<DocumentKind, readonly (readonly [path: string, kind: ChildKind])[]>> = {
  assets: [["ASSETS/*/URI", "playlist"]],
  steering: [
    ["RELOAD-URI", "steering"],
    ["PATHWAY-CLONES/*/URI-REPLACEMENT/PER-VARIANT-URIS/*", "playlist"],
    ["PATHWAY-CLONES/*/URI-REPLACEMENT/PER-RENDITION-URIS/*", "playlist"],
  ],
};

/** The document with the public addresses of what it names; undefined when `text` is no JSON. */
export async function rewriteDocument(
  text: string,
  children: Children,
  options: DocumentOptions,
): Promise<string | undefined> {
  if (!parseJson(text)) return undefined;
  const uris: (Place & { readonly kind: ChildKind })[] = [];
  const clones = new Map<number, Clone>();
  visitJson(text, (path, start, end) => {
    const kind = URIS[options.kind].find(([wanted]) => matches(path, wanted))?.[1];
    if (kind) uris.push({ ...placeOf(text, start, end), kind });
    else if (options.kind === "steering") noteClone(clones, path, () => placeOf(text, start, end));
  });
  const edits = await cloneEdits([...clones.values()], options);
  for (const { start, end, value, kind } of uris) {
    if (typeof value !== "string" || value === "") continue;
    const address = await children.address({ uri: value, kind, absolute: true, variables: NONE });
    if (address !== undefined) edits.push({ start, end, text: JSON.stringify(address) });
  }
  return applyEdits(
    text,
    edits.sort((a, b) => a.start - b.start),
  );
}

function matches(path: JsonPath, wanted: string): boolean {
  const names = wanted.split("/");
  return names.length === path.length && names.every((name, i) => name === "*" || name === path[i]);
}

function placeOf(text: string, start: number, end: number): Place {
  return { start, end, value: parseJson(text.slice(start, end))?.value };
}

function noteClone(clones: Map<number, Clone>, path: JsonPath, place: () => Place): void {
  const [list, index, member, inner] = path;
  if (list !== "PATHWAY-CLONES" || typeof index !== "number") return;
  const clone = clones.get(index) ?? { id: "", hosts: [], params: [] };
  clones.set(index, clone);
  if (path.length === 3 && member === "ID") clone.id = String(place().value);
  if (path.length !== 4 || member !== "URI-REPLACEMENT") return;
  if (inner === "HOST") clone.hosts.push(place());
  else if (inner === "PARAMS") clone.params.push(place());
}

/** Of members that stand there twice the last one counts, as everywhere. */
async function cloneEdits(clones: readonly Clone[], options: DocumentOptions): Promise<Edit[]> {
  const edits: Edit[] = [];
  for (const { id, hosts, params } of clones) {
    const host = hosts.at(-1)?.value;
    const replacement: Replacement = {
      ...(typeof host === "string" && host !== "" ? { host } : {}),
      params: stringsOf(params.at(-1)?.value),
    };
    if (replacement.host === undefined && Object.keys(replacement.params).length === 0) continue;
    const sealed = { [pathwayParam(id)]: await options.sealReplacement(replacement) };
    const shown = JSON.stringify(sealed);
    for (const [i, { start, end }] of hosts.entries()) {
      const added = params.length === 0 && i === hosts.length - 1 ? `,"PARAMS":${shown}` : "";
      edits.push({ start, end, text: JSON.stringify(options.host) + added });
    }
    for (const { start, end } of params) edits.push({ start, end, text: shown });
  }
  return edits;
}

function stringsOf(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  const pairs = Object.entries(value).filter(([, one]) => typeof one === "string" || typeof one === "number");
  return Object.fromEntries(pairs.map(([name, one]) => [name, String(one)]));
}
