// Both ends of the UDP tunnel in causeway.toml: the listener and the way out, and the spool between slow readers and targets.
// Rules that span keys are in inbound-rules.ts and udpack-rules.ts. Pure.

import * as v from "valibot";
import { UDPACK_TUNNEL_LIMITS } from "../limits.ts";
import { parseHostPorts } from "../net/ports.ts";
import { absent, list, optional, required } from "./entries.ts";
import {
  checked,
  flag,
  integer,
  listenAddress,
  oneOf,
  parseSize,
  secret,
  size,
  transformed,
} from "./fields.ts";
import { byteRate } from "./limits-schema.ts";
import { NAME, USER_NAME } from "./names.ts";
import { decodeBase64Url } from "./secrets.ts";

const KEY_BYTES = 32;
const KEY_FORMS = '32 bytes in base64url (43 characters), as "causeway keygen" prints them';

const key = required(secret("local", isKey, KEY_FORMS), "Its own private key.");

/** Keys of both ends. */
const carrierEntries = {
  offload: optional(
    flag(),
    true,
    "Have the system cut and join datagrams where it can and a trial shows that it does so rightly (Linux).",
  ),
  mtu: optional(
    datagramSize(),
    0,
    "Bytes of one datagram; 0: found out where the path can be probed, else 1200.",
  ),
  rate: absent(
    byteRate(),
    "What the link carries this way, if that is known: sent at exactly this rate, instead of finding out.",
  ),
  websocket: optional(
    flag(),
    true,
    "Whether WebSockets carry the tunnel where UDP does not pass: TCP, on the same address and port.",
  ),
};

const Client = v.strictObject({
  name: required(NAME, "Its name in stats and logs."),
  public_key: required(publicKey(), "Its public key."),
  user: absent(USER_NAME, "The user whose limits hold for it, and whom rules see; absent: none."),
});

/** The UDP tunnel's server. */
export const UdpackInboundSchema = v.strictObject({
  kind: required(
    oneOf(["udpack"]),
    "The UDP tunnel's server: connections and datagrams of clients by their keys.",
  ),
  name: absent(NAME, "Its name in stats, logs and rules; the kind when absent."),
  listen: required(listenAddress(), "Address and port, of UDP and of WebSockets; port 0 takes a free one."),
  key,
  clients: list(Client, 10_000, "Who may connect."),
  max_sessions: optional(
    integer(1, 100_000),
    UDPACK_TUNNEL_LIMITS.SESSIONS_MAX,
    "Sessions at a time; further ones are refused.",
  ),
  ...carrierEntries,
});

/** The UDP tunnel's client. */
export const UdpackOutboundSchema = v.strictObject({
  kind: required(oneOf(["udpack"]), "The UDP tunnel's client. Names are resolved at the server."),
  name: required(NAME, 'Its name in rules and in via; not "direct" or "reject", which are always there.'),
  server: required(
    serverPorts(),
    "Where the server listens; of a range of ports the next one is tried when one gives no answer. Always reached directly.",
  ),
  server_key: required(publicKey(), "The server's public key."),
  key,
  keep_alive: optional(
    flag(),
    false,
    "Keep the session open while nothing rides it: the first connection after a pause is then as quick as any.",
  ),
  ...carrierEntries,
});

export const SpoolSchema = v.strictObject({
  memory: optional(size("128KiB", "64MiB"), "256KiB", "Bytes in memory per connection."),
  file: optional(
    sizeOrNone("1MiB", "1TiB"),
    "64MiB",
    "Bytes in a temporary file per connection, once its reader has taken nothing for a second; 0: no files.",
  ),
  total: optional(size("1MiB", "100TiB"), "2GiB", "Bytes of disk that all files together take."),
});

/** Whether `text` is a key as "causeway keygen" prints it. */
export function isKey(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text) && decodeBase64Url(text)?.length === KEY_BYTES;
}

function publicKey() {
  return checked(KEY_FORMS, isKey);
}

function datagramSize() {
  const { MTU_MIN, MTU_MAX } = UDPACK_TUNNEL_LIMITS;
  const legal = `0, or a whole number from ${MTU_MIN} to ${MTU_MAX}`;
  return v.pipe(
    v.number(legal),
    v.check(
      (bytes) => bytes === 0 || (Number.isInteger(bytes) && bytes >= MTU_MIN && bytes <= MTU_MAX),
      legal,
    ),
    v.metadata({ legal }),
  );
}

/** 0, or a size as size() takes it; comes out in bytes. */
function sizeOrNone(min: string, max: string) {
  const [low = 0, high = 0] = [parseSize(min), parseSize(max)];
  const legal = `0, or ${min} to ${max}, as in "64MiB"`;
  return v.pipe(
    v.union([v.literal(0, legal), v.string(legal)], legal),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const { value } = dataset;
      const bytes = value === 0 ? 0 : parseSize(value);
      if (bytes === 0 || (bytes !== undefined && bytes >= low && bytes <= high)) return bytes;
      addIssue({ message: legal });
      return NEVER;
    }),
    v.metadata({ legal }),
  );
}

/** `host:port` or `host:first-last`. */
function serverPorts() {
  const legal =
    'a host and a port or a range of ports from 1 to 65535, as in "relay.example.com:7000" or "[2001:db8::1]:7000-7100"';
  return transformed(legal, parseHostPorts);
}
