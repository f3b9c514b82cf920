// What lists and guides share as addresses: methods, preflights, and errors that a player on another site can read.

import { CausewayError } from "../../shared/errors.ts";
import { failureResponse } from "../error-response.ts";
import type { Exchange } from "../exchange.ts";
import { preflight, withCors } from "../hls/reply.ts";
import { serveGuide } from "./guide.ts";
import { type ListReader, serveList } from "./playlist.ts";

/** The lists' addresses, on control hosts and on channel hosts. */
const LISTS: Readonly<Record<string, (x: Exchange) => Promise<Response>>> = {
  "/playlist.m3u": (x) => serveList(x),
  "/epg.xml": (x) => serveGuide(x, "xml"),
  "/epg.xml.gz": (x) => serveGuide(x, "gzip_file"),
};

export function isListPath(pathname: string): boolean {
  return Object.hasOwn(LISTS, pathname);
}

/** Answers a path for which {@link isListPath} is true. Never rejects. */
export function serveLists(x: Exchange): Promise<Response> {
  return answered(x, LISTS[x.url.pathname]);
}

/** A list, or the guide, for one reader; never rejects. */
export function serveListTo(
  x: Exchange,
  name: "playlist.m3u" | "epg.xml",
  reader: ListReader,
): Promise<Response> {
  return answered(x, () => (name === "epg.xml" ? serveGuide(x, "xml") : serveList(x, reader)));
}

async function answered(
  x: Exchange,
  serve: ((x: Exchange) => Promise<Response>) | undefined,
): Promise<Response> {
  const { method } = x.request;
  try {
    if (method === "OPTIONS") return preflight(x);
    if (method !== "GET" && method !== "HEAD") throw new CausewayError("method_not_allowed");
    if (serve === undefined) throw new CausewayError("not_found");
    return await serve(x);
  } catch (thrown) {
    const allow = "GET, HEAD, OPTIONS";
    return withCors(failureResponse(thrown, { request: x.request, requestId: x.requestId, allow }));
  }
}
