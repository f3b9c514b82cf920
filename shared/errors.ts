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
  forbidden: { status: 403, text: "The token's role does not allow this" },
  origin_refused: { status: 403, text: "The Origin header names another site" },
  not_found: { status: 404, text: "Nothing is here" },
  method_not_allowed: { status: 405, text: "The method is not allowed on this path" },
  config_invalid: { status: 422, text: "The configuration has problems" },
  config_conflict: { status: 409, text: "The configuration was changed by somebody else: read it again" },
  config_unavailable: { status: 503, text: "No configuration is loaded yet: run 'causeway push'" },
  internal: { status: 500, text: "An unexpected error occurred" },
  // Routing and proxying
  host_unknown: { status: 404, text: "No host of this name is configured" },
  body_too_large: { status: 413, text: "The request body is larger than the host allows" },
  too_many_connections: { status: 503, text: "The host is at its connection limit: try again shortly" },
  upstream_unreachable: { status: 502, text: "The upstream could not be reached" },
  upstream_invalid: { status: 502, text: "The upstream sent an invalid response" },
  upstream_timeout: { status: 504, text: "The upstream did not answer in time" },
  upgrade_refused: { status: 502, text: "The upstream refused the WebSocket upgrade" },
  // Channels
  channel_unknown: { status: 404, text: "No channel of this id is configured" },
  playlist_malformed: { status: 502, text: "The origin's playlist is malformed" },
  playlist_too_large: { status: 502, text: "The origin's playlist is larger than 16 MiB" },
  segment_too_large: { status: 502, text: "The origin's segment is larger than 512 MiB" },
  target_refused: { status: 403, text: "The target's address may not be reached from here" },
} as const satisfies Record<string, ErrorInfo>;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a stable code; `message` is for people, `code` for programs. */
export class CausewayError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string = ERRORS[code].text, options?: ErrorOptions) {
    super(message, options);
    this.name = "CausewayError";
    this.code = code;
  }

  /** HTTP status that answers this error. */
  get status(): number {
    return ERRORS[this.code].status;
  }
}
