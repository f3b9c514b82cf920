// Every bound of Causeway: the unit is in the name, the reason beside it. Pure data.

/** Bounds of accounting (shared/flow), the same on the edge and on the relay. */
export const FLOW_LIMITS = {
  /** A sealed batch is resent until acknowledged; one a second keeps object calls off the request path. */
  FLUSH_INTERVAL_MS: 1_000,
  /** Services counted apart in one batch; what comes on top is counted under the service "other". */
  SERVICES_MAX: 2_000,
  /** Active flows listed in one batch and kept per source: beyond it they are counted, not listed. */
  FLOWS_LISTED_MAX: 1_000,
  /** Connection events in one batch; more are counted in `events_dropped` (a dashboard shows no more). */
  EVENTS_MAX: 100,
  /** HTTP requests are listed as connections once older than this: short ones would only flicker. */
  LIST_HTTP_AFTER_MS: 1_000,
  /** Length of a client-chosen text (target, user) kept in a flow: longer ones would inflate every batch. */
  TEXT_CHARS_MAX: 200,
} as const;

/** Bounds of the stats object and its dashboards. */
export const STATS_LIMITS = {
  /** Time between two snapshots sent to dashboards. */
  SNAPSHOT_INTERVAL_MS: 2_000,
  /** Step of the short series. */
  SERIES_STEP_MS: 2_000,
  /** Points of the short series: 5 minutes. */
  SERIES_POINTS: 150,
  /** Connections listed in one snapshot: about 100 KB of JSON. */
  CONNECTIONS_LISTED_MAX: 500,
  /** Dashboards on one stats object: each costs 30-70 us per broadcast. */
  VIEWERS_MAX: 2_000,
  /** A source that has said nothing for this long is gone; isolates end without a word. */
  SOURCE_SILENT_MS: 30_000,
  /** Sources remembered for merging batches once; the longest silent are forgotten first. */
  SOURCES_MAX: 5_000,
  /** A WebSocket with more than this unsent is closed 1013: the runtime gives no back-pressure. */
  SOCKET_BUFFER_BYTES: 4 * 1024 * 1024,
} as const;
