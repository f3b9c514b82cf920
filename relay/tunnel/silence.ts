// What people are told of a tunnel's server that does not answer: what is known of the reason, and what to look at. Pure.

import type { HostPorts } from "../../shared/net/ports.ts";
import type { Silence } from "../udpack/endpoint/connector.ts";

/** `host:port` or `host:first-last`, as the configuration has it. */
export function serverText({ host, first, last }: HostPorts): string {
  const literal = host.includes(":") ? `[${host}]` : host;
  return first === last ? `${literal}:${first}` : `${literal}:${first}-${last}`;
}

/** `withWebSocket`: TCP was tried, too. */
export function silenceText(silence: Silence, withWebSocket: boolean): string {
  switch (silence.kind) {
    case "keys":
      return "The server takes connections, but does not answer this key: compare the server's public key, its list of clients, and the clocks";
    case "refused":
      return "Nothing listens there: the port refuses TCP, and UDP gets no answer: compare the address, and see whether the server runs";
    case "network":
      return `The server cannot be asked: ${reasonOf(silence.error)}`;
    case "silent":
      return withWebSocket
        ? "Neither UDP nor TCP gets an answer: compare the address, and let firewalls pass the port, UDP and TCP"
        : "UDP gets no answer: compare the address and the keys, and let firewalls pass the port";
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && error.code === "ENOTFOUND") return "its name does not exist";
  if ("code" in error && error.code === "EAI_AGAIN") return "its name cannot be resolved now";
  return error.message;
}
