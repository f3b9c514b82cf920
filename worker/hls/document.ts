// Serves the JSON documents whose URIs lead back to the channel: lists of interstitial assets and steering manifests. Their
// whole URL stands sealed in the address, so that they can be had rewritten only.

import type { ChannelConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { parseDocumentAddress } from "../../shared/hls/address.ts";
import { Children } from "../../shared/hls/children.ts";
import { rewriteDocument } from "../../shared/hls/document.ts";
import type { DocumentKind } from "../../shared/hls/tags.ts";
import { decodePlaylist, encodePlaylist } from "../../shared/hls/text.ts";
import { HLS_LIMITS } from "../../shared/limits.ts";
import type { Exchange } from "../exchange.ts";
import { readBounded } from "./body.ts";
import { DIRECTIVES, withQuery } from "./pins.ts";
import { replyHeaders } from "./reply.ts";
import type { Loaded } from "./resource.ts";
import { channelSeals } from "./rewriter.ts";
import { loadSegment } from "./segment-store.ts";
import { sealReplacement } from "./steering.ts";
import { channelSealer, forwarded, isBound, sourceOf, type Target } from "./target.ts";
import type { Visit } from "./visit.ts";

export interface DocumentTarget extends Target {
  readonly document: DocumentKind;
}

type SealedDocument = readonly [channel: string, source: number, url: string];

export function isDocumentPath(rest: string): boolean {
  return parseDocumentAddress(rest) !== undefined;
}

/**
 * The document at the path `rest`.
 * @throws CausewayError `not_found` for documents that this channel does not have
 */
export async function resolveDocument(
  x: Exchange,
  channel: ChannelConfig,
  rest: string,
): Promise<DocumentTarget> {
  const address = parseDocumentAddress(rest);
  if (!address) throw new CausewayError("not_found");
  const { kind, id } = address;
  const sealer = await channelSealer(x.env);
  const text = id.length > HLS_LIMITS.SEALED_CHARS_MAX ? undefined : await sealer.open(kind, id);
  if (text === undefined) throw new CausewayError("not_found");
  const [channelId, source, url] = JSON.parse(text) as SealedDocument;
  if (channelId !== channel.id) throw new CausewayError("not_found");
  sourceOf(channel, source);
  const added = forwarded(channel, x.url.search.slice(1), DIRECTIVES);
  return { url: withQuery(url, added), source, playlist: false, imported: new Map(), document: kind };
}

/** @throws CausewayError what loadSegment throws, `upstream_invalid` when it is no JSON, or more than a document may be */
export async function serveDocument(
  visit: Visit,
  channel: ChannelConfig,
  { rest, target }: { readonly rest: string; readonly target: DocumentTarget },
): Promise<Response> {
  const { x } = visit;
  const loaded = await loadSegment(x, channel, target, undefined);
  const { text, encoding } = decodePlaylist(await wholeBody(loaded));
  const sealer = await channelSealer(x.env);
  const root = x.url.origin + x.url.pathname.slice(0, x.url.pathname.length - rest.length);
  const scope = {
    base: loaded.facts.url ?? target.url,
    encoding,
    fragmented: false,
    mirrored: false,
    bound: isBound(channel),
    hideQuery: channel.hide_query,
    rest,
    root,
  };
  const children = new Children(scope, channelSeals(sealer, channel, target.source));
  const rewritten = await rewriteDocument(text, children, {
    kind: target.document,
    host: x.url.hostname,
    sealReplacement: (replacement) => sealReplacement(sealer, channel, replacement),
  });
  if (rewritten === undefined) throw new CausewayError("upstream_invalid");
  const bytes = encodePlaylist(rewritten, encoding);
  const headers = replyHeaders(x, {
    contentType: "application/json",
    tier: loaded.tier,
    ageMs: Date.now() - loaded.facts.at,
    freshMs: loaded.facts.freshMs,
    length: bytes.byteLength,
  });
  const body = visit.send(loaded.tier, x.request.method === "HEAD" ? null : bytes, bytes.byteLength);
  return new Response(body, { headers });
}

async function wholeBody({ body }: Loaded): Promise<Uint8Array> {
  const bytes =
    body instanceof Uint8Array
      ? body
      : await readBounded(new Response(body), {
          bytesMax: HLS_LIMITS.DOCUMENT_BYTES_MAX,
          tooLarge: "upstream_invalid",
          timeoutMs: HLS_LIMITS.PLAYLIST_TIMEOUT_MS,
        });
  if (bytes.byteLength > HLS_LIMITS.DOCUMENT_BYTES_MAX) throw new CausewayError("upstream_invalid");
  return bytes;
}
