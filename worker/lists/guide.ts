// The guide for players: /epg.xml, compressed where the client takes it, and /epg.xml.gz. It was merged when its sources were
// refreshed; here its pieces pass from the data centre's cache or the object, one at a time.

import { CausewayError } from "../../shared/errors.ts";
import { LIST_LIMITS as LIMITS } from "../../shared/limits.ts";
import { sharedCache } from "../directory/cache.ts";
import type { Env } from "../env.ts";
import type { Exchange } from "../exchange.ts";
import { matchesEtag, withCors } from "../hls/reply.ts";
import { askImports } from "./ask.ts";
import type { GuideState } from "./source-state.ts";
import { byteStream } from "./streamed.ts";
import { unzipped } from "./unzip.ts";

/** Raise it when the shape of the guide's state changes. */
const FORMAT = 1;

/**
 * The guide as XML (compressed for who takes it), or as a gzip file.
 * @throws CausewayError `not_found` without guides, `guide_unavailable` while none is loaded, `object_unreachable`
 */
export async function serveGuide(x: Exchange, form: "xml" | "gzip_file"): Promise<Response> {
  if (!x.config.hasGuide) throw new CausewayError("not_found");
  const gen = x.config.live.lists.guide;
  const guide = gen === 0 ? undefined : await guideState(x.env, gen);
  if (guide === undefined || guide.gen === 0)
    throw new CausewayError("guide_unavailable", undefined, { fields: { "Retry-After": "10" } });
  const encoding = form === "xml" && takesGzip(x.request) ? "gzip" : undefined;
  const headers = guideHeaders(x, guide, form);
  if (matchesEtag(x.request.headers.get("if-none-match"), headers.get("etag") ?? undefined))
    return withCors(new Response(null, { status: 304, headers }));
  const isCompressed = encoding !== undefined || form === "gzip_file";
  if (encoding !== undefined) headers.set("Content-Encoding", encoding);
  if (isCompressed) headers.set("Content-Length", String(guide.bytes));
  if (x.request.method === "HEAD") return withCors(new Response(null, { headers }));
  const packed = guidePieces(x.env, guide);
  const pieces = isCompressed ? packed : unzipped(packed);
  // What fails at once is answered with an error, not with half a guide.
  const first = (await pieces.next()).value;
  if (first === undefined) throw new CausewayError("object_unreachable");
  const body = byteStream(first, pieces);
  if (!isCompressed) return withCors(new Response(body, { headers }));
  return withCors(new Response(ofLength(x, body, guide.bytes), { headers, encodeBody: "manual" }));
}

/** RFC 9110 section 12.5.3; a weight of 0 refuses. */
function takesGzip(request: Request): boolean {
  const header = request.headers.get("accept-encoding") ?? "";
  return header.split(",").some((part) => {
    const [name = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    return (name === "gzip" || name === "x-gzip") && !parameters.some((text) => /^q=0(?:\.0*)?$/.test(text));
  });
}

/** The runtime gives a length only to what passes such a stream, and ends what falls short of it with an error. */
function ofLength(
  { ctx }: Exchange,
  body: ReadableStream<Uint8Array>,
  bytes: number,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(bytes);
  ctx.waitUntil(body.pipeTo(writable).catch(() => undefined));
  return readable;
}

function guideHeaders(x: Exchange, guide: GuideState, form: "xml" | "gzip_file"): Headers {
  const headers = new Headers({
    "Content-Type": form === "xml" ? "application/xml; charset=utf-8" : "application/gzip",
    "Cache-Control": `max-age=${LIMITS.GUIDE_FRESH_S}`,
    "Last-Modified": new Date(guide.built_at).toUTCString(),
    ETag: `W/"${guide.gen}"`,
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "X-Request-Id": x.requestId,
  });
  if (form === "xml") headers.set("Vary", "Accept-Encoding");
  else headers.set("Content-Disposition", 'attachment; filename="epg.xml.gz"');
  return headers;
}

/** The guide of that generation, or a newer one that this isolate has not heard of yet. */
async function guideState(env: Env, gen: number): Promise<GuideState> {
  const cache = sharedCache(env);
  const key = `guide/${FORMAT}/${gen}`;
  const known = (await cache.read(key)) as GuideState | undefined;
  if (known !== undefined) return known;
  const guide = await askImports(() => env.IMPORTS.getByName("root").guide());
  if (guide.gen === gen) await cache.write(key, guide, LIMITS.CACHE_TTL_S);
  return guide;
}

async function* guidePieces(env: Env, { gen, pieces }: GuideState): AsyncGenerator<Uint8Array, undefined> {
  for (let n = 0; n < pieces; n++) {
    const address = `https://${env.IMPORTS.idFromName("root").toString()}.causeway-lists/guide/${gen}/${n}`;
    const cache = await caches.open("causeway-lists");
    const known = await cache.match(address).catch(() => undefined);
    if (known !== undefined) {
      yield new Uint8Array(await known.arrayBuffer());
      continue;
    }
    const piece = await askImports(() => env.IMPORTS.getByName("root").bytes("merged", gen, "piece", n));
    if (piece === null) throw new CausewayError("object_unreachable");
    const headers = { "Cache-Control": `public, max-age=${LIMITS.CACHE_TTL_S}` };
    await cache.put(address, new Response(piece, { headers })).catch(() => undefined);
    yield piece;
  }
  return undefined;
}
