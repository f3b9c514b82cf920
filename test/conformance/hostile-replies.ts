// What hostile and broken upstreams answer, by what is wrong with it: the tables of hostile-upstream.ts.

import type { Script } from "./scripted-upstream.ts";

export type Reply = string | Buffer | Script;

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const HI = "Content-Length: 2\r\n\r\nhi";

function thenEnd(text: string): Script {
  return ({ socket }) => void socket.end(text, "latin1");
}

/** Written piece by piece until the connection ends. */
function drip(pieces: () => Iterable<string>, everyMs: number): Script {
  return async ({ socket }) => {
    for (const piece of pieces()) {
      if (socket.destroyed) return;
      const passes = socket.write(piece);
      if (everyMs > 0 || !passes) await new Promise((resolve) => setTimeout(resolve, Math.max(1, everyMs)));
    }
  };
}

function* endless(first: string, piece: string): Generator<string> {
  yield first;
  for (;;) yield piece;
}

/** No head that HTTP knows: RFC 9112 sections 4 and 5, RFC 9110 sections 5.5 and 8.6. */
export const BAD_HEADS: Readonly<Record<string, Reply>> = {
  "bytes that are no text": "\x00\x01\xff garbage\r\n\r\n",
  "a page without a head": "<html>hello</html>\r\n\r\n",
  "a TLS alert": Buffer.from([0x15, 3, 1, 0, 2, 2, 40]),
  "another major version": `HTTP/2.0 200 OK\r\n${HI}`,
  "a status of two digits": `HTTP/1.1 99 Low\r\n${HI}`,
  "a status of four digits": `HTTP/1.1 1000 High\r\n${HI}`,
  "a status beyond 599": `HTTP/1.1 600 High\r\n${HI}`,
  "a status of 999": `HTTP/1.1 999 High\r\n${HI}`,
  "a status that is no number": `HTTP/1.1 OK OK\r\n${HI}`,
  "a 101 that nobody asked for":
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  "an early end": thenEnd(""),
  "an early reset": ({ socket }) => void socket.resetAndDestroy(),
  "an end within the head": thenEnd("HTTP/1.1 200 OK\r\nContent-Le"),
  "an end after an interim reply": thenEnd("HTTP/1.1 100 Continue\r\n\r\n"),
  "two lengths": `${OK}Content-Length: 2\r\nContent-Length: 5\r\n\r\nhello`,
  "a length beside chunked": `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  "a length beside chunked that says otherwise": `${OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  "a negative length": `${OK}Content-Length: -5\r\n\r\nhello`,
  "a length with a sign": `${OK}Content-Length: +5\r\n\r\nhello`,
  "a hexadecimal length": `${OK}Content-Length: 0x5\r\n\r\nhello`,
  "a length that is no number": `${OK}Content-Length: 5abc\r\n\r\nhello`,
  "an empty length": `${OK}Content-Length: \r\n\r\nhello`,
  "a length that overflows": `${OK}Content-Length: 18446744073709551621\r\n\r\nhello`,
  "a length without end": `${OK}Content-Length: ${"9".repeat(400)}\r\n\r\nhello`,
  "a folded field": `${OK}X-A: one\r\n two\r\n${HI}`,
  "a field folded before the first": `${OK} X-A: one\r\n${HI}`,
  "NUL in a value": `${OK}X-A: one\x00two\r\n${HI}`,
  "NUL in a name": `${OK}X\x00A: one\r\n${HI}`,
  "a bare CR in a value": `${OK}X-A: one\rX-B: two\r\n${HI}`,
  "a bare CR in the reason": `HTTP/1.1 200 OK\rX-Evil: 1\r\n${HI}`,
  "NUL in the reason": `HTTP/1.1 200 O\x00K\r\n${HI}`,
  "a space before the colon": `${OK}X-A : one\r\n${HI}`,
  "a space in a name": `${OK}X A: one\r\n${HI}`,
  "a line without a colon": `${OK}NoColonHere\r\n${HI}`,
  "a field without a name": `${OK}: one\r\n${HI}`,
};

/** What announces a body that the reply to HEAD has not, and nobody could frame it by (RFC 9112 section 6.3). */
export const BAD_LENGTHS: Readonly<Record<string, string>> = {
  "one beside chunked": "Content-Length: 20000\r\nTransfer-Encoding: chunked",
  "two lengths": "Content-Length: 5\r\nContent-Length: 6",
  "the same length twice": "Content-Length: 5\r\nContent-Length: 5",
  "a negative length": "Content-Length: -5",
  "a length that is no number": "Content-Length: 5abc",
  "a length that overflows": "Content-Length: 18446744073709551621",
};

export const ENDLESS_HEADS: Readonly<Record<string, Reply>> = {
  silence: () => undefined,
  "silence within the head": OK,
  "a slow drip of one field": drip(() => endless(`${OK}X-A: `, "z"), 20),
  "a slow drip of fields": drip(() => endless(OK, "X-A: b\r\n"), 20),
  "fields without end": drip(() => endless(OK, "X-A: b\r\n".repeat(1_000)), 0),
  "one field without end": drip(() => endless(`${OK}X-A: `, "b".repeat(10_000)), 0),
  "interim replies without end": drip(() => endless("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(10)), 5),
};

/** Every one is broken after its head: RFC 9112 sections 6.3, 7.1 and 8. */
export const BAD_FRAMING: Readonly<Record<string, Reply>> = {
  "a short body that ends early": thenEnd(`${OK}Content-Length: 500\r\n\r\nhello`),
  "a body that ends early": thenEnd(`${OK}Content-Length: 50000\r\n\r\n${"x".repeat(20_000)}`),
  "a long body that ends early": thenEnd(`${OK}Content-Length: 5000000\r\n\r\n${"x".repeat(2_000_000)}`),
  "a body that is reset": ({ socket }) => {
    socket.write(`${OK}Content-Length: 50000\r\n\r\nhello`, () => socket.resetAndDestroy());
  },
  "a body without length that is reset": ({ socket }) => {
    socket.write(`${OK}\r\nhello`);
    setTimeout(() => socket.resetAndDestroy(), 50);
  },
  "a chunk size that is no number": `${CHUNKED}zz\r\nhello\r\n0\r\n\r\n`,
  "a negative chunk size": `${CHUNKED}-5\r\nhello\r\n0\r\n\r\n`,
  "a chunk size with a prefix": `${CHUNKED}0x5\r\nhello\r\n0\r\n\r\n`,
  "a chunk size that overflows": `${CHUNKED}10000000000000005\r\nhello\r\n0\r\n\r\n`,
  "an empty chunk size": `${CHUNKED}\r\nhello\r\n0\r\n\r\n`,
  "a chunk longer than its size": `${CHUNKED}5\r\nhelloXX0\r\n\r\n`,
  "an end between chunks": thenEnd(`${CHUNKED}5\r\nhello\r\n`),
  "an end within a chunk": thenEnd(`${CHUNKED}5\r\nhel`),
  "an end within the last chunk": thenEnd(`${CHUNKED}5\r\nhello\r\n0\r\n`),
};

/** Unusual, but with one meaning: RFC 9112 sections 2.2, 4, 6.1 and 7.1.1, RFC 9110 section 15.2. */
export const ODD_BUT_FINE: Readonly<Record<string, { readonly reply: Reply; readonly body: string }>> = {
  "no reason": { reply: `HTTP/1.1 200\r\n${HI}`, body: "hi" },
  "HTTP/1.0, until the connection ends": { reply: thenEnd("HTTP/1.0 200 OK\r\n\r\nhello"), body: "hello" },
  "no framing, until the connection ends": { reply: thenEnd(`${OK}\r\nhello`), body: "hello" },
  "line feeds alone": { reply: "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", body: "hi" },
  "chunked in capitals": {
    reply: `${OK}Transfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    body: "hello",
  },
  "a chunk with an extension": { reply: `${CHUNKED}5;a=b\r\nhello\r\n0\r\n\r\n`, body: "hello" },
  "chunked with trailers": { reply: `${CHUNKED}5\r\nhello\r\n0\r\nX-T: v\r\n\r\n`, body: "hello" },
  "the same length twice": { reply: `${OK}Content-Length: 2\r\n${HI}`, body: "hi" },
  "early hints": { reply: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}${HI}`, body: "hi" },
  "a thousand interim replies": {
    reply: `${"HTTP/1.1 102 Processing\r\n\r\n".repeat(1_000)}${OK}${HI}`,
    body: "hi",
  },
  "a field of 60 KB": { reply: `${OK}X-Big: ${"x".repeat(60_000)}\r\n${HI}`, body: "hi" },
  "a thousand fields": {
    reply: `${OK}${Array.from({ length: 1_000 }, (_, i) => `X-${i}: v\r\n`).join("")}${HI}`,
    body: "hi",
  },
  "gzip that is none": { reply: `${OK}Content-Encoding: gzip\r\n${HI}`, body: "hi" },
};

const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\n";
const TO_WEBSOCKET = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
/** What the sample nonce of RFC 6455 section 1.3 is answered with, which nobody sends here. */
const ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/** Answers to an upgrade that switch to no WebSocket of the client's: RFC 6455 section 4.1. */
export const BAD_HANDSHAKES: Readonly<Record<string, Reply>> = {
  "another key's answer": `${SWITCHING}${TO_WEBSOCKET}${ACCEPT}\r\n`,
  "an answer that is none": `${SWITCHING}${TO_WEBSOCKET}Sec-WebSocket-Accept: <script>poison</script>\r\n\r\n`,
  "no answer": `${SWITCHING}${TO_WEBSOCKET}\r\n`,
  "no Upgrade": `${SWITCHING}Connection: Upgrade\r\n${ACCEPT}\r\n`,
  "another protocol": `${SWITCHING}Upgrade: h2c\r\nConnection: Upgrade\r\n${ACCEPT}\r\n`,
  "no fields": `${SWITCHING}\r\n`,
};

/** A reply that no client may ever get. */
const NEXT = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

/** A second reply that nobody asked for. */
export const POISONED: Readonly<Record<string, { readonly method?: string; readonly reply: Reply }>> = {
  "behind a body of known length": { reply: `${OK}${HI}${NEXT}` },
  "behind the last chunk": { reply: `${CHUNKED}2\r\nhi\r\n0\r\n\r\n${NEXT}` },
  "behind a length beside chunked": {
    reply: `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n${NEXT}`,
  },
  "behind a 204": { reply: `HTTP/1.1 204 No Content\r\n\r\n${NEXT}` },
  "as the body of a 204": {
    reply: `HTTP/1.1 204 No Content\r\nContent-Length: ${NEXT.length}\r\n\r\n${NEXT}`,
  },
  "as the body of a 304": {
    reply: `HTTP/1.1 304 Not Modified\r\nContent-Length: ${NEXT.length}\r\n\r\n${NEXT}`,
  },
  "as the body of a reply to HEAD": {
    method: "HEAD",
    reply: `${OK}Content-Length: ${NEXT.length}\r\n\r\n${NEXT}`,
  },
};

/** What comes on an idle connection after its last reply, and whether the upstream then ends it. */
export const UNASKED: Readonly<Record<string, { readonly bytes: string; readonly ends: boolean }>> = {
  "on the idle connection": { bytes: NEXT, ends: false },
  "a 408 on the idle connection, which then ends": {
    bytes: "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    ends: true,
  },
};
