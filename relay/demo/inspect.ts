// What the demo origin says about a request: its headers, a hash of its body, a status or redirect on demand.

import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** `/headers`: every request header by lower-case name; repeated ones joined by comma. */
export function answerHeaders(request: IncomingMessage, response: ServerResponse): void {
  const headers: Record<string, string> = {};
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const name = (request.rawHeaders[at] ?? "").toLowerCase();
    const value = request.rawHeaders[at + 1] ?? "";
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  answerJson(response, 200, headers);
}

/** `/upload`: how many bytes came and their SHA-256, once all have come. */
export async function answerUpload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  answerJson(response, 200, { bytes, sha256: hash.digest("hex") });
}

/** `/status/NNN`: that status; 204, 205 and 304 carry no body (RFC 9110 15). */
export function answerStatus(response: ServerResponse, status: number): void {
  if (status === 204 || status === 205 || status === 304) response.writeHead(status).end();
  else answerText(response, status, `status ${status}\n`);
}

/** `/redirect?to=`: sends the client there with 302, or the status asked for. */
export function answerRedirect(response: ServerResponse, to: string, status: number): void {
  response.writeHead(status, { location: to, "content-length": 0 }).end();
}

function answerJson(response: ServerResponse, status: number, value: unknown): void {
  const body = `${JSON.stringify(value, null, 2)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

export function answerText(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}
