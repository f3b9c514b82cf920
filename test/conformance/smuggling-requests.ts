// Requests that two servers in a row could read in two ways, by what is wrong with them (RFC 9112 sections 3.2, 5 and 6.3, and
// the attacks known as CL.TE and TE.CL). A proxy refuses them, or takes one meaning and lets no other through.

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: smuggled.test\r\n\r\n";

interface Attack {
  readonly text: (host: string) => string;
  /** What may be answered. */
  readonly statuses: readonly number[];
}

function post(fields: readonly string[], body: string): (host: string) => string {
  return (host) => ["POST /echo HTTP/1.1", `Host: ${host}`, ...fields, "", body].join("\r\n");
}

function get(...lines: readonly string[]): (host: string) => string {
  return (host) =>
    ["GET /echo HTTP/1.1", `Host: ${host}`, ...lines, "Connection: close", "", ""].join("\r\n");
}

const REFUSED = [400, 413, 414, 431, 501, 502];

export const SMUGGLING: Readonly<Record<string, Attack>> = {
  "a length beside chunked, for a front that counts": {
    text: post(["Content-Length: 6", "Transfer-Encoding: chunked"], `0\r\n\r\n${SMUGGLED}`),
    statuses: [200, ...REFUSED],
  },
  "a length beside chunked, for a back that counts": {
    text: post(
      ["Connection: close", "Transfer-Encoding: chunked", "Content-Length: 4"],
      `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
    ),
    statuses: [200, ...REFUSED],
  },
  ...Object.fromEntries(
    [
      "Transfer-Encoding: xchunked",
      "Transfer-Encoding : chunked",
      "Transfer-Encoding: \x0bchunked",
      "Transfer-Encoding: chunked, identity",
      "Transfer-Encoding: identity",
      'Transfer-Encoding: "chunked"',
      "Transfer-Encoding: chunked;q=1",
      " Transfer-Encoding: chunked",
      "X: x\nTransfer-Encoding: chunked\x00",
      "Transfer\x00-Encoding: chunked",
    ].map((field) => [
      `the encoding spelt ${JSON.stringify(field)}`,
      { text: post(["Content-Length: 5", field], `0\r\n\r\n${SMUGGLED}`), statuses: REFUSED },
    ]),
  ),
  ...Object.fromEntries(
    [
      ["Content-Length: 0", "Content-Length: 46"],
      ["Content-Length: 0, 46"],
      ["Content-Length: +0"],
      ["Content-Length: -1"],
      ["Content-Length: 0x2e"],
      ["Content-Length: 1e1"],
      ["Content-Length: 18446744073709551616"],
      ["Content-Length : 0"],
    ].map((fields) => [
      `the length spelt ${JSON.stringify(fields.join(" / "))}`,
      { text: post(fields, SMUGGLED), statuses: REFUSED },
    ]),
  ),
  "a chunk size that is no number": {
    text: post(["Connection: close", "Transfer-Encoding: chunked"], `zz\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
    statuses: [400],
  },
  "a chunk longer than its size": {
    text: post(["Connection: close", "Transfer-Encoding: chunked"], `1\r\naX0\r\n\r\n${SMUGGLED}`),
    statuses: [400],
  },
  "two hosts": { text: get("Host: other.test"), statuses: REFUSED },
  "no host": { text: () => "GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n", statuses: REFUSED },
  "an empty host": {
    text: () => "GET /echo HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n",
    statuses: REFUSED,
  },
  "a folded field": { text: get("X-A: a", " b"), statuses: REFUSED },
  "NUL in a value": { text: get("X-A: a\x00b"), statuses: REFUSED },
  "a bare CR in a value": { text: get("X-A: a\rX-B: b"), statuses: REFUSED },
  "a line without a colon": { text: get("NoColon"), statuses: REFUSED },
  "a field without a name": { text: get(": v"), statuses: REFUSED },
  "a space in the target": {
    text: (host) => `GET /echo x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    statuses: REFUSED,
  },
  "a method that is none": {
    text: (host) => `G@T /echo HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    statuses: [...REFUSED, 405],
  },
  "a head without end": {
    text: (host) => `GET /echo HTTP/1.1\r\nHost: ${host}\r\n${"X-A: b\r\n".repeat(200_000)}`,
    statuses: REFUSED,
  },
  "a TLS handshake": { text: () => "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", statuses: REFUSED },
};

/** What may be refused, but if it is not has this one meaning. */
export const SAFE_SPELLINGS: Readonly<
  Record<string, { readonly text: (host: string) => string; readonly target: string }>
> = {
  "the same length twice": {
    text: post(["Connection: close", "Content-Length: 5", "Content-Length: 5"], "hello"),
    target: "/echo",
  },
  "a GET with a body": {
    text: (host) =>
      `GET /echo HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello`,
    target: "/echo",
  },
  "an absolute target": {
    text: (host) => `GET http://${host}/echo?a HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    target: "/echo?a",
  },
  "line feeds alone": {
    text: (host) => `GET /echo HTTP/1.1\nHost: ${host}\nConnection: close\n\n`,
    target: "/echo",
  },
  "a tab before the encoding": {
    text: post(["Connection: close", "Transfer-Encoding:\tchunked"], "5\r\nhello\r\n0\r\n\r\n"),
    target: "/echo",
  },
};
