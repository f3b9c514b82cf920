// Every bound of Causeway: the unit is in the name, the reason beside it. Pure data.

/** Bounds of accounting (shared/flow), the same on the edge and on the relay. */
export const FLOW_LIMITS = {
  /** A sealed batch is resent until acknowledged; one a second keeps object calls off the request path. */
  FLUSH_INTERVAL_MS: 1_000,
  /** A source whose open flows move nothing still reports this often, so that it does not count as silent. */
  HEARTBEAT_MS: 5_000,
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
  /** A step counts as whole this long after its end: one flush interval and its delivery. */
  SERIES_SETTLE_MS: 1_500,
  /** Connections listed in one snapshot: about 100 KB of JSON. */
  CONNECTIONS_LISTED_MAX: 500,
  /** Active flows kept over all sources: about 10 MB of the object's 128 MB; beyond it they are counted, not listed. */
  CONNECTIONS_KEPT_MAX: 20_000,
  /** Services listed in one snapshot: about 200 KB of JSON; `totals` covers the others. */
  SERVICES_LISTED_MAX: 1_000,
  /** Services with totals of their own: every host and channel a configuration may have, and relays' inbounds. */
  SERVICES_KEPT_MAX: 21_000,
  /** Services of one source whose sums wait in the source's row; more are folded into the totals at once. */
  SERVICES_UNFOLDED_MAX: 64,
  /** Two messages of connection events are at least this far apart: many sources then cost few broadcasts. */
  EVENTS_INTERVAL_MS: 250,
  /** Opened and closed connections each in one message; more are counted in `dropped`. */
  EVENTS_MESSAGE_MAX: 100,
  /** Dashboards on one stats object: each costs 30-70 us per broadcast. */
  VIEWERS_MAX: 2_000,
  /** A source that has said nothing for this long is gone; isolates end without a word. */
  SOURCE_SILENT_MS: 30_000,
  /** After a start of the object sources get two heartbeats and a reconnect before silence is held against them. */
  SOURCE_GRACE_MS: 15_000,
  /** Sources remembered for merging batches once; the longest silent are forgotten first. */
  SOURCES_MAX: 5_000,
  /** A WebSocket with more than this unsent is closed 1013: the runtime gives no back-pressure. */
  SOCKET_BUFFER_BYTES: 4 * 1024 * 1024,
} as const;

/** Bounds of the dashboard page. */
export const DASHBOARD_LIMITS = {
  /** Longest wait before the first reconnect; doubles with each failure. */
  RECONNECT_FIRST_MS: 500,
  /** Longest wait between two attempts: an edge that is back should show within seconds, without a stampede. */
  RECONNECT_MAX_MS: 8_000,
  /** Without a message for this long the connection counts as lost: three snapshots and a margin. */
  SILENT_MS: 7_000,
  /** Rows drawn per table: more cannot be read, and each costs layout at every snapshot. */
  ROWS_MAX: 200,
  /** Connections kept between snapshots, listed ones and those opened since. */
  CONNECTIONS_MAX: 1_000,
  /** Two snapshots closer than this give no rate of a connection: one batch between them would look like a flood. */
  RATE_SPAN_MS_MIN: 1_000,
  /** A connection that closed stays visible, greyed, for this long, so that a reader sees what happened to it. */
  CLOSED_SHOWN_MS: 4_000,
} as const;

/** Bounds of the relay: listeners, handshakes, dials and the pipe. */
export const RELAY_LIMITS = {
  /** From accept to the complete request: slow peers would otherwise hold sockets for nothing. */
  HANDSHAKE_TIMEOUT_MS: 10_000,
  /** Bytes of one HTTP head: what Node's parser allows by default. */
  HTTP_HEAD_BYTES: 16 * 1024,
  /** Bytes kept of what a client sends while its target is dialled; more stays in its socket. */
  EARLY_BYTES_MAX: 64 * 1024,
  /** Requests of one HTTP connection that wait for their turn; no client in use pipelines at all. */
  PIPELINED_MAX: 32,
  /** An HTTP proxy connection without a request for this long is closed; browsers keep theirs about as long. */
  KEEP_ALIVE_TIMEOUT_MS: 60_000,
  /** Client connections of one relay: two descriptors each, below the usual limit of 65,536. */
  CONNECTIONS_MAX: 30_000,
  /** Sizes of a connection's read buffer; it moves up when a read fills it, so idle ones stay cheap. */
  READ_BUFFER_BYTES: [4 * 1024, 64 * 1024, 256 * 1024],
  /** All buffers of the largest size together: 512 busy directions; further ones stay at the size before. */
  LARGE_BUFFERS_BYTES: 128 * 1024 * 1024,
  /** An idle timeout is checked this often within its period: it ends a connection at most that part late. */
  IDLE_CHECKS: 4,
  /** All attempts of one dial together, name resolution apart. */
  CONNECT_TIMEOUT_MS: 10_000,
  /** Head start of each address over the next (RFC 8305 section 5, Connection Attempt Delay). */
  RACE_DELAY_MS: 250,
  /** Addresses of one name that are dialled: a name with hundreds must not become a port scan. */
  ADDRESSES_MAX: 8,
  /** One resolution with its retries. */
  DNS_TIMEOUT_MS: 5_000,
  /** The system's list of name servers is read again when older than this. */
  NAME_SERVERS_MAX_AGE_MS: 30_000,
  /** Once one address family is known the other has this long to follow (RFC 8305 section 3 says 50 ms). */
  DNS_OTHER_FAMILY_MS: 50,
  /** Bounds of a DNS answer's lifetime in the cache: no query per connection, no stale address for long. */
  DNS_TTL_MIN_MS: 5_000,
  DNS_TTL_MAX_MS: 300_000,
  /** Lifetime of "no such name". */
  DNS_NEGATIVE_TTL_MS: 10_000,
  /** Names in the DNS cache: about 5 MB. */
  DNS_CACHE_ENTRIES: 10_000,
  /** The hosts file is read again when older than this. */
  HOSTS_FILE_MAX_AGE_MS: 10_000,
  /** scrypt runs at a time: the thread pool of four also serves files and lookups. */
  SCRYPT_CONCURRENCY: 2,
  /** Passwords waiting for scrypt: about 3 s of work; more are refused at once. */
  SCRYPT_QUEUE: 64,
  /** Failed sign-ins from one address that cost nothing; each one on top doubles the wait. */
  AUTH_FREE_FAILURES: 5,
  /** First and longest wait after failed sign-ins. */
  AUTH_BACKOFF_MIN_MS: 1_000,
  AUTH_BACKOFF_MAX_MS: 60_000,
  /** Addresses remembered for back-off; the oldest are forgotten first. */
  AUTH_ADDRESSES: 10_000,
  /** After a refusal the socket is read on for this long, or the reset for unread bytes would overtake the answer. */
  LINGER_MS: 1_000,
  /** A full relay is reported this often at most. */
  FULL_REPORT_INTERVAL_MS: 1_000,
  /** Idle connections to one origin kept for plain HTTP proxying. */
  ORIGIN_IDLE_TIMEOUT_MS: 10_000,
} as const;

/** Bounds of the directory object and of what isolates ask of it. */
export const DIRECTORY_LIMITS = {
  /** Versions kept to go back to. */
  VERSIONS_KEPT: 20,
  /** Calls to the object travel in a request header: pieces of this size pass everywhere. */
  PIECE_CHARS: 32 * 1024,
  /** Pieces of one upload: 32 MiB, a document of the largest size with every non-ASCII character escaped twofold. */
  PIECES_MAX: 1_024,
  /** Pieces of one upload under way at a time: a Worker may have six connections waiting for headers. */
  PIECES_AT_ONCE: 4,
  /** An upload that was not completed within this time is swept. */
  UPLOAD_TTL_MS: 60_000,
  /** Uploads under way at once; the oldest gives way. */
  UPLOADS_MAX: 4,
  /** Text per row of a document: a row may hold 2 MB. */
  ROW_CHARS: 512 * 1024,
  /** Passes remembered as used until they expire; beyond it none is accepted, so that none works twice. */
  REDEEMED_MAX: 10_000,
  /** Longest time a pass is remembered. */
  REDEEM_TTL_MS: 24 * 3_600_000,
  /** Length of a pass's id. */
  REDEEM_ID_CHARS: 128,
  /** A version this old is asked for again in the background. */
  REFRESH_AFTER_MS: 2_000,
  /** A version this old makes the request wait for a new answer: with the wait it stays within the promised 5 s. */
  WAIT_AFTER_MS: 4_000,
  /** While there is no configuration at all it is asked for this often: the first push should show at once. */
  RECHECK_NONE_MS: 250,
  /** Longest wait of a request for a newer configuration than the one it could be served with. */
  WAIT_STALE_MS: 900,
  /** Longest wait of a request while the isolate has none: a cold object takes up to a second to start. */
  WAIT_FIRST_MS: 5_000,
  /** A refresh under way longer than this has failed. */
  REFRESH_DEADLINE_MS: 5_000,
  /** First and longest pause after failed refreshes. */
  RETRY_MIN_MS: 1_000,
  RETRY_MAX_MS: 4_000,
  /** For this long after a failure requests do not wait for the directory, if they can be served without it. */
  FAILING_MS: 30_000,
  /** Any single call to the object. */
  CALL_DEADLINE_MS: 5_000,
  /** Storing a document: 10,000 channels are validated and compared. */
  PUT_DEADLINE_MS: 25_000,
  /** Loading one channel's record. */
  RECORD_DEADLINE_MS: 2_000,
  /** Channel records per isolate: about 2 MB. */
  RECORDS_MAX: 1_000,
  /** What is cached by version never changes; it is only dropped when unused. */
  CACHE_TTL_S: 86_400,
} as const;

/** Bounds of the demo origin. */
export const DEMO_LIMITS = {
  /** Largest N of /bytes/N and its kin: 1 TiB, beyond any test and exact in a double. */
  BODY_BYTES_MAX: 1024 ** 4,
  /** Compressed at once, and so with Content-Length, up to this many bytes of text; streamed beyond. */
  GZIP_BUFFERED_BYTES: 1024 * 1024,
  /** Above the 32 MiB that a metered WebSocket carries at the edge, so that this limit can be seen. */
  ECHO_MESSAGE_BYTES: 64 * 1024 * 1024,
  /** An echo client with more than this unsent is not read from until it drains. */
  ECHO_BUFFER_BYTES: 8 * 1024 * 1024,
  /** Longest body of a question. */
  QUESTION_BYTES: 64 * 1024,
  /** Longest /slow reply. */
  SLOW_MS_MAX: 3_600_000,
  /** An idle connection is kept longer than an edge keeps it in its pool: no request meets a closing socket. */
  KEEP_ALIVE_MS: 65_000,
} as const;

/** Bounds of the control plane. */
export const CONTROL_LIMITS = {
  /** A pushed configuration: 10,000 channels of 1 KB and as many hosts fit, and an isolate's 128 MB holds it parsed. */
  CONFIG_BYTES_MAX: 16 * 1024 * 1024,
  /** Any other body of the API: they hold a code or a path. */
  BODY_BYTES_MAX: 16 * 1024,
  /** Tokens are 16 to 512 characters in the schema; the admin's keeps the same rule, so none is guessable by trying. */
  TOKEN_CHARS_MIN: 16,
  TOKEN_CHARS_MAX: 512,
  /** A ticket stands in a URL, where others may read it later. */
  TICKET_TTL_MS: 60_000,
  /** A login link is printed at start-up and opened by hand. */
  LOGIN_CODE_TTL_MS: 60 * 60_000,
  /** A working day; a session cannot be called back before, except by changing the token behind it. */
  SESSION_TTL_MS: 12 * 60 * 60_000,
  /** Signed texts (tickets, codes, cookies) are about 200 characters; longer ones are not worth a signature check. */
  SIGNED_CHARS_MAX: 1_000,
  /** Connections in one answer of /api/connections when the query names no limit. */
  CONNECTIONS_DEFAULT: 100,
  /** An object that takes longer to answer /ready counts as unreachable. */
  READY_TIMEOUT_MS: 2_000,
  /** /ready is public: its answer is reused for this long, so that asking often costs few object calls. */
  READY_REUSE_MS: 1_000,
  /** The same for "not ready", which whoever waits for a start asks again and again. */
  UNREADY_REUSE_MS: 100,
  /** Retry-After of 429 and 503 answers. */
  RETRY_AFTER_S: 2,
} as const;

/** Bounds of the isolate's meter: the loop that reports to the stats object. */
export const METER_LIMITS = {
  /** A report under way for longer than this is taken over by another request's context. */
  FLUSH_DEADLINE_MS: 10_000,
  /** An armed context that is this late is taken for dead: contexts end without running anything. */
  OVERDUE_MS: 2_000,
  /** After this long a newer request takes the loop over: production ends a context 30 s after its reply. */
  HANDOVER_MS: 5_000,
  /** A context gives the loop up after this long, before production would cut it off. */
  CONTEXT_MS: 25_000,
  /** Longest pause between two failed reports. */
  RETRY_MAX_MS: 15_000,
} as const;

/** Bounds of metered bodies (worker/stats/body.ts); the sizes are where one way of copying overtakes the next. */
export const BODY_LIMITS = {
  /** Known lengths up to this are best buffered whole: they fit one initial congestion window. */
  BUFFERED_BYTES_MAX: 16 * 1024,
  /** A buffer up to this is handed over whole: it would vanish into socket buffers at once, whoever reads it. */
  HANDED_BYTES_MAX: 64 * 1024,
  /** Known lengths up to this are copied by the runtime and counted when done. */
  PIPED_BYTES_MAX: 1024 * 1024,
  /** First buffer of a read loop: event streams and small replies need no more. */
  READ_BYTES_MIN: 16 * 1024,
  /** Grown buffer of a read loop: half the CPU time per byte of a 64 KiB one. */
  READ_BYTES_MAX: 256 * 1024,
} as const;

/** Bounds of the control link between a relay and the edge. */
export const LINK_LIMITS = {
  /** A message from a relay: a batch at all its bounds with every character escaped is under 12 MB. */
  MESSAGE_BYTES_MAX: 16 * 1024 * 1024,
  /** A message from the edge: acknowledgements are tiny. */
  REPLY_BYTES_MAX: 64 * 1024,
  /** Listeners named in a hello. */
  INBOUNDS_MAX: 100,
  /** From dialling to the edge's welcome. */
  CONNECT_TIMEOUT_MS: 10_000,
  /** A batch that is not acknowledged within this is sent again over a new link. */
  ACK_TIMEOUT_MS: 10_000,
  /** Time between two pings, which the platform answers without waking the object. */
  PING_INTERVAL_MS: 15_000,
  /** A link without a ping for this long is dead to the edge: four were lost. */
  SILENT_MS: 60_000,
  /** Ceiling of the first reconnect's random pause; it doubles with each attempt. */
  RETRY_MIN_MS: 500,
  /** Ceiling of any reconnect's random pause: a deploy drops all links at once. */
  RETRY_MAX_MS: 30_000,
  /** How long stopping waits for the last batch's acknowledgement. */
  STOP_TIMEOUT_MS: 5_000,
} as const;

/** Bounds of the watch over requests that wait for an upstream (worker/watch.ts). */
export const WATCH_LIMITS = {
  /** Requests that wait longer than this get a timer of their own, and their client is looked for. */
  INTERVAL_MS: 500,
  /** How long a called request has to answer: less than a round. It takes one turn of the event loop. */
  ANSWER_MS: 250,
} as const;

/** Bounds of the reverse proxy. */
export const PROXY_LIMITS = {
  /** A pump has no back-pressure: a socket with more than this unsent gets no further message, but a close 1013. */
  SOCKET_BUFFER_BYTES: 4 * 1024 * 1024,
  /** How long one end of a socket may take to answer the other's close before it is cut. */
  SOCKET_CLOSE_WAIT_MS: 10_000,
  /** Header deadlines up to this are timed from the start: the round of the watch comes too late for them. */
  DEADLINE_MS_TIMED: 2_000,
  /** A pump asks for its counts to be reported this often at most; the meter flushes once a second. */
  TOUCH_INTERVAL_MS: 1_000,
  /** A silent socket shows this often that it is still there; the stats object takes a silent isolate for gone. */
  SOCKET_TICK_MS: 10_000,
} as const;

/** Bounds of channels (worker/hls). */
export const HLS_LIMITS = {
  /** A playlist is held as text while it is rewritten; a day of 2 s segments with parts is about 10 MiB. */
  PLAYLIST_BYTES_MAX: 16 * 1024 * 1024,
  /** A segment: ten seconds at 400 Mbit/s. Larger bodies are no segments but downloads through a channel. */
  SEGMENT_BYTES_MAX: 512 * 1024 * 1024,
  /** Bodies up to this are buffered, shared between requests of the isolate and kept in its memory. */
  SHARED_BODY_BYTES_MAX: 8 * 1024 * 1024,
  /**
   * Bodies up to this are fetched whole before the reply begins. Not below BODY_LIMITS.PIPED_BYTES_MAX: the runtime
   * cannot pipe one transform stream into another, so bodies that are copied inside it must not be streamed shares.
   */
  WHOLE_BODY_BYTES_MAX: BODY_LIMITS.PIPED_BYTES_MAX,
  /** Larger bodies stream without being stored: the branch of a slow viewer would pile up in the isolate. */
  CLONED_BODY_BYTES_MAX: 64 * 1024 * 1024,
  /** One read of a body that is shared while it streams. */
  READ_BYTES: 128 * 1024,
  /** Buffers of fetches under way in one isolate; beyond it bodies stream unshared (an isolate has 128 MB). */
  FLIGHT_BYTES_MAX: 24 * 1024 * 1024,
  /** A buffer's place is free again after this even if nobody gave it back. */
  FLIGHT_LAPSE_MS: 60_000,
  /** Segments kept in the isolate's memory, least recently used first out. */
  MEMORY_BYTES: 32 * 1024 * 1024,
  /** Playlists kept in the isolate's memory, with what was found in them and what viewers get. */
  PLAYLIST_MEMORY_BYTES: 24 * 1024 * 1024,
  /** What an entry costs besides its body, so that many tiny ones are bounded too. */
  ENTRY_OVERHEAD_BYTES: 1024,
  /** Origin's response headers. */
  HEADER_TIMEOUT_MS: 10_000,
  /** A playlist's body: players give up about then. */
  PLAYLIST_TIMEOUT_MS: 10_000,
  /** An origin's body that stands still for this long is broken off. */
  STALL_TIMEOUT_MS: 15_000,
  /** While a stale copy is at hand a viewer waits for the origin no longer than this. */
  STALE_PATIENCE_MS: 1_500,
  /** With a stale copy at hand a failed origin is asked again after this. */
  RETRY_AFTER_FAILURE_MS: 1_000,
  /** A follower of a fetch under way waits at most this, then fetches by itself: contexts can die silently. */
  FOLLOW_TIMEOUT_MS: 15_000,
  /** Fetches under way that others may join; beyond it the oldest cannot be joined any more. */
  FLIGHTS_MAX: 1_000,
  /** Redirects followed for one fetch: browsers allow 20, no origin needs more than a few. */
  REDIRECTS_MAX: 5,
  /** Longest sealed address part that is opened: a URL of 2,048 characters with its variables. */
  SEALED_CHARS_MAX: 8_192,
  /** Playlists whose redirects are remembered; the oldest are forgotten first. */
  PINS_MAX: 1_000,
  /** Rewritten texts kept per playlist: one for each depth, and where it needs absolute addresses host, of the path. */
  REWRITES_KEPT: 4,
  /** All that variables put into one URI: longer than any URL in use. */
  SUBSTITUTED_CHARS_MAX: 16 * 1024,
  /** Freshness of a live playlist without a target duration: half of the usual 6 s. */
  LIVE_FRESH_MS: 3_000,
  /** Bounds of a live playlist's freshness, whatever its target duration says. */
  LIVE_FRESH_MIN_MS: 250,
  LIVE_FRESH_MAX_MS: 10_000,
  /** Freshness of multivariant playlists, whose variants' tokens may age. */
  MASTER_FRESH_MS: 10_000,
  /** Freshness of playlists that are complete. */
  ENDED_FRESH_MS: 60_000,
  /** How long multivariant and complete playlists are served while the origin fails; they do not run ahead. */
  STATIC_STALE_MS: 300_000,
  /** Freshness of a segment whose origin says nothing: short, as some encoders reuse names after a window. */
  SEGMENT_FRESH_MS: 60_000,
  /** Longest freshness of a segment, whatever the origin says. */
  SEGMENT_FRESH_MAX_MS: 24 * 3_600_000,
} as const;
