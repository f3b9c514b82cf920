// The gates of a host: every question that is asked before a request takes a place, in the order in which it is asked.
// Each is made once per configuration, and only where the configuration asks for it: what is unused costs nothing.

import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { contentLength } from "../../shared/http/headers.ts";
import { addressRules } from "../access/addresses.ts";
import { countryRules } from "../access/country.ts";
import { expiry } from "../access/expiry.ts";
import { quotaRule } from "../access/quota.ts";
import { rateRules } from "../access/rates.ts";
import { signInRule } from "../access/sign-in.ts";
import type { Call, Gate } from "./call.ts";
import { corsGate } from "./cors.ts";
import { redirectGate } from "./redirect.ts";
import { socketGate } from "./socket-places.ts";
import { pathBounds } from "./target-path.ts";

/** The gate that a host's configuration asks for, or undefined where it asks for none. */
type GateMaker = (config: HostConfig) => Gate | undefined;

const GATES: readonly GateMaker[] = [
  switchedOff,
  redirectGate,
  addressRules,
  countryRules,
  expiry,
  corsGate,
  signInRule,
  rateRules,
  quotaRule,
  pathBounds,
  bodyLength,
  socketGate,
];

/** The gates of a host, in order. */
export function gatesOf(config: HostConfig): readonly Gate[] {
  return GATES.map((make) => make(config)).filter((gate) => gate !== undefined);
}

/** The reply of the first gate that answers; undefined when all let the request pass. A promise only where a gate has to wait. */
export function passGates(call: Call, from = 0): ReturnType<Gate> {
  const { gates } = call.plan;
  for (let index = from; index < gates.length; index++) {
    const passed = gates[index]?.(call);
    if (passed instanceof Promise) return passed.then((reply) => reply ?? passGates(call, index + 1));
    if (passed) return passed;
  }
  return undefined;
}

function switchedOff({ enabled }: HostConfig): Gate | undefined {
  if (enabled) return undefined;
  return () => {
    throw new CausewayError("host_disabled");
  };
}

/** A body without Content-Length is held to the same bound while it streams. */
function bodyLength({ max_body: max }: HostConfig): Gate {
  return ({ x }) => {
    const length = contentLength(x.request.headers);
    if (length !== undefined && length > max) throw new CausewayError("body_too_large");
    return undefined;
  };
}
