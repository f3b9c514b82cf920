// An origin that shows what reached it, and replies with the fields that it is asked for.

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as it reached the origin. */
export interface Seen {
  readonly method: string;
  readonly target: string;
  /** Names, lower case, and values, in order. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
}

export interface MirrorOrigin {
  readonly url: string;
  /** All requests so far. */
  readonly seen: readonly Seen[];
  stop(): Promise<void>;
}

/** `?reply=[["Name", "value"], …]` sets fields of the reply, `?status=` its status; the body is a Seen as JSON. */
export async function startMirrorOrigin(): Promise<MirrorOrigin> {
  const seen: Seen[] = [];
  const server = createServer(async (request, response) => {
    const entry = await toSeen(request);
    seen.push(entry);
    const query = new URL(`http://mirror${entry.target}`).searchParams;
    const fields = JSON.parse(query.get("reply") ?? "[]") as [string, string][];
    for (const [name, value] of fields) response.appendHeader(name, value);
    response.writeHead(Number(query.get("status") ?? 200), { "Content-Type": "application/json" });
    response.end(JSON.stringify(entry));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function toSeen(request: IncomingMessage): Promise<Seen> {
  const { method = "", url: target = "", rawHeaders } = request;
  const fields: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    fields.push([(rawHeaders[at] ?? "").toLowerCase(), rawHeaders[at + 1] ?? ""]);
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return { method, target, fields, body };
}
