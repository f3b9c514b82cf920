// `causeway client`: a local SOCKS and HTTP proxy whose traffic rides the UDP tunnel to a relay, without a configuration file.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { parseConfig } from "../../shared/config/parse.ts";
import type { Problem } from "../../shared/config/problem.ts";
import type { RelayConfig } from "../../shared/config/schema.ts";
import { isKey } from "../../shared/config/udpack-schema.ts";
import { formatAuthority } from "../../shared/net/address.ts";
import { EXIT_CONFIG } from "../config-file.ts";
import { type EmitEvent, logEvents, type RelayEvent } from "../events.ts";
import { createRelay } from "../relay.ts";
import { PortTakenError } from "../serve/listen.ts";
import { readVersion } from "../version.ts";
import { type CommandIo, defineCommand, UsageError } from "./command.ts";
import { publicKeyOf } from "./keygen.ts";
import { createLog, logLevelOption, parseLogLevel } from "./log.ts";

const KEY_VARIABLE = "CAUSEWAY_CLIENT_KEY";
const TUNNEL = "tunnel";

export const command = defineCommand({
  name: "client",
  summary: "Run a local proxy that rides the UDP tunnel to a relay",
  usage: "--server HOST:PORT --server-key KEY --key-file FILE [options]",
  details: [
    "Point programs at the local port: it speaks SOCKS4, 4a, 5 (UDP ASSOCIATE too) and HTTP. Names are resolved at the",
    'far end. The key pair is made by "causeway keygen"; its public key goes to [[relay.inbounds]] of kind "udpack" at',
    `the server. The private key is read from --key-file or from ${KEY_VARIABLE}, never from the command line.`,
    'For more than one tunnel, for rules or for users, write a configuration file and run "causeway relay".',
    "SIGTERM and SIGINT end it.",
  ].join("\n"),
  options: {
    server: {
      type: "string",
      short: "s",
      value: "HOST:PORT",
      env: "CAUSEWAY_SERVER",
      doc: "The relay's UDP tunnel; HOST:FIRST-LAST for a range of ports, of which another is tried on trouble.",
    },
    "server-key": {
      type: "string",
      value: "KEY",
      env: "CAUSEWAY_SERVER_KEY",
      doc: "The server's public key.",
    },
    "key-file": { type: "string", short: "k", value: "FILE", doc: "File that holds the own private key." },
    listen: {
      type: "string",
      short: "l",
      value: "HOST:PORT",
      fallback: "127.0.0.1:1080",
      doc: "Loopback address and port of the local proxy; port 0 takes a free one.",
    },
    rate: {
      type: "string",
      value: "RATE",
      doc: 'What the link carries upwards, if that is known, as in "2MB/s": sent at exactly this rate.',
    },
    mtu: { type: "string", value: "BYTES", fallback: "0", doc: "Bytes of one datagram; 0: found out." },
    "no-offload": { type: "boolean", doc: "Do not have the system cut and join datagrams." },
    "no-websocket": { type: "boolean", doc: "Do not fall back to WebSockets where UDP does not pass." },
    "log-level": logLevelOption("info"),
  },
  async run({ options }, io) {
    const level = parseLogLevel(options["log-level"]);
    const { server, listen } = options;
    const serverKey = options["server-key"];
    if (server === undefined) throw new UsageError("No server: name one by --server HOST:PORT");
    if (serverKey === undefined)
      throw new UsageError("No server key: give the server's public key by --server-key");
    const key = await privateKey(options["key-file"], io);
    if (!isKey(key))
      throw new UsageError('Cannot use the private key: expected one as "causeway keygen" prints it');
    const parsed = configOf({
      server,
      server_key: serverKey,
      key,
      listen,
      mtu: parseMtu(options.mtu),
      rate: options.rate,
      offload: !options["no-offload"],
      websocket: !options["no-websocket"],
    });
    if ("problems" in parsed) {
      // One option may be wrong in two ways; what to do about it is the same.
      for (const line of new Set(parsed.problems.map(problemLine))) io.err(line);
      return EXIT_CONFIG;
    }
    return serve(parsed.config, server, { io, level, publicKey: publicKeyOf(key) });
  },
});

/** What is no number is left to the schema, which says what it takes. */
function parseMtu(text: string): number | string {
  return /^\d{1,5}$/.test(text) ? Number(text) : text;
}

interface Wishes {
  readonly server: string;
  readonly server_key: string;
  readonly key: string;
  readonly listen: string;
  readonly mtu: number | string;
  readonly rate: string | undefined;
  readonly offload: boolean;
  readonly websocket: boolean;
}

function configOf({
  listen,
  rate,
  ...tunnel
}: Wishes): { config: RelayConfig } | { problems: readonly Problem[] } {
  const outbound = {
    kind: "udpack",
    name: TUNNEL,
    keep_alive: true,
    ...tunnel,
    ...(rate !== undefined && { rate }),
  };
  const parsed = parseConfig({
    relay: {
      name: "client",
      drain_timeout: "0s",
      inbounds: [{ kind: "mixed", listen }],
      outbounds: [outbound],
      rules: [{ outbound: TUNNEL }],
    },
  });
  if (!parsed.ok) return { problems: parsed.problems };
  const { relay } = parsed.config;
  if (relay === undefined) throw new Error("The configuration has lost its relay");
  return { config: relay };
}

interface Surroundings {
  readonly io: CommandIo;
  readonly level: Parameters<typeof createLog>[0];
  readonly publicKey: string;
}

/** @throws Error when the port is taken */
async function serve(config: RelayConfig, server: string, surroundings: Surroundings): Promise<number> {
  const { io, level } = surroundings;
  const log = createLog(level);
  const logged = logEvents(log);
  const emit: EmitEvent = (event) => {
    logged(event);
    tell(event, surroundings);
  };
  const relay = createRelay(config, { log, version: readVersion() }, { emit });
  await relay.start().catch((error: unknown) => {
    // There is no configuration file whose setting could be changed.
    throw error instanceof PortTakenError ? new Error(portTaken(config), { cause: error }) : error;
  });
  for (const { address, port } of relay.inbounds) {
    io.out(
      `The proxy listens on ${formatAuthority(address, port)} (SOCKS and HTTP); everything goes through ${server}`,
    );
  }
  if (!io.signal.aborted) await once(io.signal, "abort");
  await relay.stop();
  return 0;
}

/** What a person in front of the terminal wants to know of the tunnel. */
function tell(event: RelayEvent, { io, publicKey }: Surroundings): void {
  if (event.type === "tunnel_up") {
    io.out(`Connected to ${event.server} by ${event.engine === "websocket" ? "a WebSocket" : "UDP"}`);
  } else if (event.type === "tunnel_down" && !io.signal.aborted) {
    io.out(`The connection to the server has ended: ${event.code}`);
  } else if (event.type === "tunnel_unanswered") {
    io.err(`No answer from ${event.server}. ${event.why}.`);
    if (event.code === "keys" || event.code === "silent")
      io.err(`The server must list this client: public_key = "${publicKey}"`);
  }
}

function portTaken({ inbounds: [mixed] }: RelayConfig): string {
  return `Cannot listen on ${mixed?.listen}: the port is taken, choose another with --listen`;
}

/** @throws {UsageError} when there is none */
async function privateKey(file: string | undefined, io: CommandIo): Promise<string> {
  if (file === undefined) {
    const key = io.env[KEY_VARIABLE];
    if (key !== undefined && key !== "") return key.trim();
    throw new UsageError(`No private key: name its file by --key-file, or set ${KEY_VARIABLE}`);
  }
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new UsageError(
      `Cannot read --key-file "${file}": ${code === "ENOENT" ? "there is no such file" : code}`,
    );
  }
}

/** Which option a key of the configuration comes from. */
const OPTIONS: Readonly<Record<string, string>> = {
  server_key: "--server-key",
};

function problemLine({ path, value, legal }: Problem): string {
  const name = path.slice(path.lastIndexOf(".") + 1);
  // A proxy without sign-in must not be anybody's: here that is the address, not the missing password.
  if (name === "auth") return "Cannot use --listen: expected a loopback address, as in 127.0.0.1:1080";
  return `Cannot use ${OPTIONS[name] ?? `--${name}`}: ${value}: expected ${legal}`;
}
