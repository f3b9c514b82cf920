// HTTP/1.1 on a bare socket, for suites that must send what no client library would and see what really came back: every
// byte of a reply, and whether it ended as it announced or broke off.

import { connect, type Socket } from "node:net";

/** Longer than any header deadline of a suite: what takes longer hangs. */
const HANG_MS = 10_000;

export interface RawReply {
  readonly status: number;
  /** By lower-case name, in order; repeated ones are all there. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Without its framing. */
  readonly body: Buffer;
  /** It ended as its head announced: by length, by a last chunk, by having no body, or by the connection's end. */
  readonly whole: boolean;
  /** Where the body's end follows from nothing but the end of the connection. */
  readonly untilClose: boolean;
}

export interface RawExchange {
  readonly replies: readonly RawReply[];
  /** What came, byte for byte. */
  readonly bytes: Buffer;
  /** `fin` is a clean end, `reset` a broken connection, `hang` neither within ten seconds. */
  readonly end: "fin" | "reset" | "hang";
}

interface RawOptions {
  /** Method of each request, where it decides whether a reply has a body. */
  readonly methods?: readonly string[];
  /** Resolves once so many replies are whole, without waiting for the connection's end. */
  readonly replies?: number;
  readonly deadlineMs?: number;
}

/** Opens a connection to the host and port of `url`. */
export function openRaw(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  return socket;
}

/** Sends bytes as they are and collects what comes back until the connection ends. */
export function exchange(
  url: string,
  request: string | Buffer,
  options: RawOptions = {},
): Promise<RawExchange> {
  const socket = openRaw(url);
  socket.write(typeof request === "string" ? Buffer.from(request, "latin1") : request);
  return collect(socket, options);
}

/** What comes on a connection from now on. */
export function collect(socket: Socket, options: RawOptions = {}): Promise<RawExchange> {
  const { methods = [], replies: wanted = Number.POSITIVE_INFINITY, deadlineMs = HANG_MS } = options;
  const pieces: Buffer[] = [];
  return new Promise((resolve) => {
    let failed = false;
    const timer = setTimeout(() => finish("hang"), deadlineMs);
    function finish(end: RawExchange["end"]): void {
      clearTimeout(timer);
      socket.destroy();
      const bytes = Buffer.concat(pieces);
      resolve({ replies: parseReplies(bytes, methods, end === "fin"), bytes, end });
    }
    socket.on("data", (piece: Buffer) => {
      pieces.push(piece);
      if (!Number.isFinite(wanted)) return;
      const replies = parseReplies(Buffer.concat(pieces), methods, false);
      if (replies.length >= wanted && replies[wanted - 1]?.whole) finish("fin");
    });
    socket.on("error", () => {
      failed = true;
    });
    socket.on("close", () => finish(failed ? "reset" : "fin"));
  });
}

/** The head of a 200. */
export function head(...fields: string[]): string {
  return ["HTTP/1.1 200 OK", ...fields, "", ""].join("\r\n");
}

/** The head of an upload; `framing`: its other fields. */
export function upload(host: string, path: string, framing: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${framing}\r\n\r\n`;
}

/** A GET or other request without a body, after whose reply the connection ends. */
export function requestText(
  method: string,
  target: string,
  host: string,
  fields: readonly string[] = [],
): string {
  return [`${method} ${target} HTTP/1.1`, `Host: ${host}`, "Connection: close", ...fields, "", ""].join(
    "\r\n",
  );
}

/** One reply to one request, which must come. */
export async function askRaw(
  url: string,
  host: string,
  target: string,
  { method = "GET", fields = [] }: { method?: string; fields?: readonly string[] } = {},
): Promise<RawReply & Pick<RawExchange, "end" | "bytes">> {
  const { replies, end, bytes } = await exchange(url, requestText(method, target, host, fields), {
    methods: [method],
  });
  const [reply] = replies;
  if (!reply)
    throw new Error(
      `No reply to ${method} ${target}: ${end} after ${JSON.stringify(bytes.toString("latin1"))}`,
    );
  return { ...reply, end, bytes };
}

/** The values of a field, in order. */
export function valuesOf({ fields }: Pick<RawReply, "fields">, name: string): string[] {
  return fields.filter(([field]) => field === name).map(([, value]) => value);
}

/** The replies in `bytes`; the last one may be incomplete. Interim ones (1xx other than 101) count as replies. */
export function parseReplies(bytes: Buffer, methods: readonly string[], ended: boolean): RawReply[] {
  const replies: RawReply[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf("\r\n\r\n", at);
    if (end < 0) break;
    const [first = "", ...lines] = bytes.toString("latin1", at, end).split("\r\n");
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? Number.NaN);
    const fields = lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    const hasBody = !(methods[replies.length] === "HEAD" || status < 200 || status === 204 || status === 304);
    const body = readBody(bytes, end + 4, fields, hasBody, ended);
    replies.push({ status, fields, body: body.bytes, whole: body.whole, untilClose: body.untilClose });
    at = body.next;
  }
  return replies;
}

interface Body {
  bytes: Buffer;
  whole: boolean;
  untilClose: boolean;
  next: number;
}

function readBody(
  bytes: Buffer,
  at: number,
  fields: readonly (readonly [string, string])[],
  hasBody: boolean,
  ended: boolean,
): Body {
  if (!hasBody) return { bytes: Buffer.alloc(0), whole: true, untilClose: false, next: at };
  const field = (name: string) => fields.find(([key]) => key === name)?.[1];
  if (field("transfer-encoding")?.toLowerCase() === "chunked") return readChunks(bytes, at);
  const length = field("content-length");
  if (length === undefined)
    return { bytes: bytes.subarray(at), whole: ended, untilClose: true, next: bytes.length };
  const next = at + Number(length);
  return { bytes: bytes.subarray(at, next), whole: bytes.length >= next, untilClose: false, next };
}

function readChunks(bytes: Buffer, start: number): Body {
  const pieces: Buffer[] = [];
  const cut = (): Body => ({
    bytes: Buffer.concat(pieces),
    whole: false,
    untilClose: false,
    next: bytes.length,
  });
  for (let at = start; ; ) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return cut();
    const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
    if (!Number.isFinite(size)) return cut();
    const from = line + 2;
    if (size === 0) {
      const end = bytes.indexOf("\r\n", from);
      if (end < 0) return cut();
      return { bytes: Buffer.concat(pieces), whole: true, untilClose: false, next: end + 2 };
    }
    pieces.push(bytes.subarray(from, from + size));
    at = from + size + 2;
    if (bytes.length < at) return cut();
  }
}
