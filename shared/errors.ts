// Every error code of Causeway, with the HTTP status it answers and one sentence for people.
// Programs match `code`; the sentence may change. Pure: no I/O.

interface ErrorInfo {
  /** HTTP status used when the code is answered over HTTP. */
  readonly status: number;
  /** What happened and, where someone can act on it, what to do next. */
  readonly text: string;
}

export const ERRORS = {
  // Control plane and configuration
  bad_request: { status: 400, text: "The request is malformed" },
  unauthorized: { status: 401, text: "A valid token is needed: send it as 'Authorization: Bearer TOKEN'" },
  login_code_invalid: { status: 401, text: "The login link was used or has expired: make a new one" },
  forbidden: { status: 403, text: "The token's role does not allow this" },
  origin_refused: { status: 403, text: "The Origin header names another site" },
  not_found: { status: 404, text: "Nothing is here" },
  method_not_allowed: { status: 405, text: "The method is not allowed on this path" },
  upgrade_required: { status: 426, text: "This path takes WebSocket connections only" },
  request_too_large: { status: 413, text: "The request body is larger than this path takes" },
  secrets_missing: {
    status: 503,
    text: "The Worker's secrets ADMIN_TOKEN (16 characters or more) and ROOT_KEY (32 bytes, base64url) must be set",
  },
  object_unreachable: { status: 503, text: "A Durable Object did not answer: try again shortly" },
  config_invalid: { status: 422, text: "The configuration has problems" },
  config_conflict: { status: 409, text: "The configuration was changed by somebody else: read it again" },
  config_unavailable: { status: 503, text: "No configuration is loaded yet: run 'causeway push'" },
  internal: { status: 500, text: "An unexpected error occurred" },
  too_many_viewers: { status: 503, text: "Too many dashboards are watching: close one or try again later" },
  // Orders to relays, and closing connections
  relay_unknown: { status: 404, text: "No relay of this name is configured" },
  relay_not_connected: { status: 503, text: "The relay's control link is down: try again shortly" },
  relay_silent: { status: 504, text: "The relay did not answer in time" },
  relay_answer_invalid: { status: 502, text: "The relay's answer is malformed: compare the versions" },
  too_many_orders: { status: 503, text: "Too many orders are under way: try again shortly" },
  inbound_unknown: { status: 404, text: "The relay has no such inbound" },
  port_not_offered: {
    status: 403,
    text: "The relay opens loopback addresses and those in relay.remote_ports only",
  },
  port_taken: { status: 409, text: "Something listens on the port already" },
  relay_stopping: { status: 503, text: "The relay is stopping" },
  connection_unknown: { status: 404, text: "No open connection has this id" },
  not_closable: { status: 409, text: "The connection cannot be closed from here: its bytes pass untouched" },
  host_refused: { status: 421, text: "The Host header names another server" },
  // Routing and proxying
  connection_closed: { status: 503, text: "An operator has ended the request" },
  host_unknown: { status: 404, text: "No host of this name is configured" },
  host_disabled: { status: 503, text: "The host is switched off" },
  address_denied: { status: 403, text: "The host does not let this address in" },
  country_denied: { status: 403, text: "The host does not let this country in" },
  host_expired: { status: 403, text: "The host's time is over" },
  quota_exceeded: { status: 403, text: "The host's traffic for this period is used up" },
  sign_in_required: { status: 401, text: "The host needs a user name and a password, or a token" },
  sign_in_limited: { status: 429, text: "Too many failed sign-ins: wait a minute" },
  rate_limited: { status: 429, text: "Too many requests: slow down" },
  too_many_sockets: { status: 429, text: "Too many sockets are open from this address" },
  loop_detected: {
    status: 508,
    text: "The request has come back to this proxy: an upstream leads to the proxy itself",
  },
  no_upstream: { status: 503, text: "Every upstream of the host is out of service: try again shortly" },
  relay_unreachable: { status: 502, text: "The relay on the way to the upstream could not be reached" },
  relay_refused: { status: 502, text: "The relay on the way to the upstream refused the request" },
  not_cached: {
    status: 504,
    text: "Nothing that may be used is stored, and the request asks for nothing else",
  },
  body_not_allowed: { status: 400, text: "A GET or HEAD request with a body cannot be passed on" },
  upload_timeout: { status: 408, text: "The request body did not arrive in time" },
  body_too_large: { status: 413, text: "The request body is larger than the host allows" },
  too_many_connections: { status: 503, text: "The host is at its connection limit: try again shortly" },
  upstream_unreachable: { status: 502, text: "The upstream could not be reached" },
  upstream_invalid: { status: 502, text: "The upstream sent an invalid response" },
  upstream_timeout: { status: 504, text: "The upstream did not answer in time" },
  upgrade_refused: { status: 502, text: "The upstream refused the WebSocket upgrade" },
  // Relay
  head_too_large: { status: 431, text: "The request's header fields are larger than 16 KiB" },
  request_timeout: { status: 408, text: "The request did not arrive in time" },
  proxy_auth_required: { status: 407, text: "The proxy needs a user name and a password" },
  sign_in_refused: { status: 407, text: "Too many failed sign-ins from this address: wait a minute" },
  user_expired: { status: 403, text: "The user's time is over" },
  traffic_exceeded: {
    status: 403,
    text: "The traffic that the user or the address has for this period is used up",
  },
  connections_exceeded: { status: 429, text: "The user or the address has too many connections open" },
  proxy_full: { status: 503, text: "The relay is at its connection limit: try again shortly" },
  name_unknown: { status: 502, text: "The target's name does not exist" },
  name_unresolved: { status: 502, text: "The target's name could not be resolved: the name servers failed" },
  connection_refused: { status: 502, text: "The target refused the connection: nothing listens there" },
  network_unreachable: { status: 502, text: "The target's network cannot be reached from the relay" },
  target_unreachable: { status: 502, text: "The target's machine cannot be reached" },
  dial_timeout: { status: 504, text: "The target did not accept the connection in time" },
  dial_failed: { status: 502, text: "The connection to the target failed" },
  proxy_failed: {
    status: 502,
    text: "The upstream proxy on the way to the target failed or refused the sign-in",
  },
  tunnel_failed: {
    status: 502,
    text: "The tunnel on the way to the target failed: its server does not answer, or refused the key",
  },
  not_carried: { status: 502, text: "The way to the target leads through a proxy that does not carry this" },
  signature_refused: {
    status: 403,
    text: "The request's signature does not hold: compare the keys and the clocks of edge and relay",
  },
  port_unavailable: { status: 503, text: "No port is free for the peer's connection: try again shortly" },
  spool_failed: {
    status: 503,
    text: "The relay's disk for what slow readers leave waiting is full or fails",
  },
  command_unsupported: { status: 501, text: "The relay does not offer this command here" },
  sign_in_busy: { status: 503, text: "Too many sign-ins are being checked: try again shortly" },
  // Channels
  channel_unknown: { status: 404, text: "No channel of this id is configured" },
  token_required: { status: 403, text: "The channel is watched by a signed address: this one has no token" },
  token_invalid: {
    status: 403,
    text: "The address's token is wrong, or was withdrawn: ask for a new address",
  },
  token_expired: { status: 403, text: "The address has expired: ask for a new one" },
  token_ip: { status: 403, text: "The address was made for a client at another IP address" },
  token_in_use: { status: 403, text: "The address belongs to a session that another client is watching" },
  viewer_limit: {
    status: 429,
    text: "The address is watched by as many clients as it allows: stop one of them",
  },
  viewers_exceeded: { status: 503, text: "The channel has as many viewers as it takes: try again shortly" },
  playlist_malformed: { status: 502, text: "The origin's playlist is malformed" },
  playlist_stale: { status: 502, text: "The origin's playlist has had no new segment for too long" },
  rendition_missing: {
    status: 502,
    text: "The source in use has nothing like the rendition that was playing",
  },
  segment_malformed: { status: 502, text: "The origin sent a web page instead of media" },
  playlist_too_large: { status: 502, text: "The origin's playlist is larger than 16 MiB" },
  segment_too_large: { status: 502, text: "The origin's segment is larger than 512 MiB" },
  origin_status: { status: 502, text: "The channel's origin answered with an error" },
  channel_is_ts: { status: 404, text: "The channel is a transport stream: its address ends in /stream.ts" },
  channel_is_hls: { status: 404, text: "The channel is made of playlists: its address ends in /stream.m3u8" },
  stream_malformed: { status: 502, text: "The origin's stream is no MPEG transport stream" },
  channel_full: { status: 503, text: "The channel has as many viewers as it can serve: try again shortly" },
  range_unsatisfiable: { status: 416, text: "The range lies outside the resource" },
  list_malformed: { status: 502, text: "What the provider sent is no list of channels" },
  list_empty: { status: 502, text: "The provider's list has no channel that the import takes" },
  list_too_large: { status: 502, text: "The provider's list or guide is larger than an import takes" },
  guide_malformed: { status: 502, text: "What the provider sent is no programme guide in XMLTV" },
  guide_empty: { status: 502, text: "The provider's guide has no programme of a channel that is listed" },
  guide_unavailable: { status: 503, text: "The programme guide is being loaded: try again shortly" },
  import_unknown: { status: 404, text: "No imported list of this name is configured" },
  target_refused: { status: 403, text: "The target's address may not be reached from here" },
} as const satisfies Record<string, ErrorInfo>;

export type ErrorCode = keyof typeof ERRORS;

export interface CausewayErrorOptions extends ErrorOptions {
  /** Header fields of its answer over HTTP, such as WWW-Authenticate or Retry-After. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** An error with a stable code; `message` is for people, `code` for programs. */
export class CausewayError extends Error {
  readonly code: ErrorCode;
  readonly fields: Readonly<Record<string, string>> | undefined;

  constructor(code: ErrorCode, message: string = ERRORS[code].text, options?: CausewayErrorOptions) {
    super(message, options);
    this.name = "CausewayError";
    this.code = code;
    this.fields = options?.fields;
  }

  /** HTTP status that answers this error. */
  get status(): number {
    return ERRORS[this.code].status;
  }
}
