// What the placeholders of configured header fields stand for in one request.

import type { Placeholder } from "../../shared/http/placeholders.ts";
import { countryOf } from "../access/country.ts";
import { hostOf, schemeOf } from "./arrival.ts";
import type { Call, Upstream } from "./call.ts";

/** The value of a placeholder; "" for what is not known. */
export function placeholderValue(name: Placeholder, call: Call, upstream: Upstream): string {
  switch (name) {
    case "client_ip":
      return call.clientIp;
    case "host":
      return hostOf(call);
    case "scheme":
      return schemeOf(call);
    case "path":
      return call.x.url.pathname;
    case "request_id":
      return call.x.requestId;
    case "country":
      return countryOf(call);
    case "user":
      return call.user;
    case "upstream":
      return upstream.origin;
  }
}
