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
  /** Those of one relay, an inbound once per kind: whoever holds its token cannot use up what hosts and channels need. */
  RELAY_SERVICES_MAX: 500,
  /** Error codes told apart per service: more than there are; a relay's report could name others. */
  REFUSAL_CODES_MAX: 100,
  /** Viewers of one channel in one batch: more than an isolate answers in a second; they come in a later one. */
  VIEWERS_REPORTED_MAX: 5_000,
  /** Viewers of all channels in one batch, while it waits for the stats object, too. */
  VIEWERS_HELD_MAX: 20_000,
  /** Viewers kept over all channels, some 60 bytes each; those beyond are not counted. */
  VIEWERS_KEPT_MAX: 200_000,
  /** Who was sent nothing for this long no longer watches: live players ask at least every 10 s, others buffer ahead. */
  VIEWER_SHOWN_MS: 30_000,
  /** A channel's recent latencies are those of one to two such spans. */
  RECENT_LATENCY_MS: 60_000,
  /** Services of one source whose sums wait in the source's row; more are folded into the totals at once. */
  SERVICES_UNFOLDED_MAX: 64,
  /** Two messages of connection events are at least this far apart: many sources then cost few broadcasts. */
  EVENTS_INTERVAL_MS: 250,
  /** Opened and closed connections each in one message; more are counted in `dropped`. */
  EVENTS_MESSAGE_MAX: 100,
  /** Dashboards on one stats object: each costs 30-70 us per broadcast. */
  VIEWERS_MAX: 2_000,
  /** A dashboard has to show its session or token again after this long: whoever lost it sees no more for longer. */
  VIEWER_TTL_MS: 10 * 60_000,
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
  /** After so many bytes of one socket the others have their turn: a third of a millisecond at full speed. */
  YIELD_BYTES: 1024 * 1024,
  /** Small buffers kept for the next connections: 8 MB. */
  SPARE_BUFFERS_MAX: 2_048,
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
  /** Default bounds of a DNS answer's lifetime in the cache: no query per connection, no stale address for long. */
  DNS_TTL_MIN_MS: 5_000,
  DNS_TTL_MAX_MS: 300_000,
  /** Lifetime of "no such name". */
  DNS_NEGATIVE_TTL_MS: 10_000,
  /** Addresses of one name that are kept: all that rules and policy may have to pass over before those that are dialled. */
  DNS_ADDRESSES_MAX: 64,
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
  /** Failed sign-ins are forgotten this long after the last one; a success does not make them undone. */
  AUTH_FORGET_MS: 600_000,
  /** Different guesses of one address that are checked at once: no more than what fails freely, one after the other. */
  AUTH_GUESSES_AT_ONCE: 5,
  /** Verified passwords remembered: as many as there may be users. */
  PASSWORDS_REMEMBERED_MAX: 10_000,
  /** After a refusal the socket is read on for this long, or the reset for unread bytes would overtake the answer. */
  LINGER_MS: 1_000,
  /** A full relay is reported this often at most. */
  FULL_REPORT_INTERVAL_MS: 1_000,
  /** Idle connections to one origin kept for plain HTTP proxying. */
  ORIGIN_IDLE_TIMEOUT_MS: 10_000,
  /** Ports of one forward: each is a listener of its own. */
  FORWARD_PORTS_MAX: 1_000,
  /** A PROXY protocol header: 16 bytes, two IPv6 addresses, and more extensions than any load balancer sends. */
  PROXY_HEADER_BYTES_MAX: 4 * 1024,
  /** User id and name of a SOCKS4 request, each: what SOCKS5 can carry. */
  SOCKS4_TEXT_BYTES_MAX: 255,
  /** How long BIND waits for its peer. */
  BIND_TIMEOUT_MS: 60_000,
  /** Peers that one listener's clients wait for by BIND: each is a port that is open to the network. */
  BINDS_MAX: 500,
  /** Ports of a range that are tried for a BIND or an association before it is given up. */
  PORT_TRIES_MAX: 64,
  /** UDP associations of one listener: up to three sockets each. */
  UDP_ASSOCIATIONS_MAX: 2_000,
  /** An association's connection carries nothing, so its far end is probed this often. */
  UDP_KEEP_ALIVE_MS: 60_000,
  /** Largest UDP payload over IPv4. */
  DATAGRAM_BYTES_MAX: 65_507,
  /** How long fragments of a datagram wait for the rest: RFC 1928 section 7 asks for at least 5 s. */
  FRAGMENTS_TIMEOUT_MS: 5_000,
  /** A target's address stays the same for this long, so that its session stays with one server; then it is asked for again. */
  UDP_ROUTE_MAX_AGE_MS: 300_000,
  /** The same for a target that cannot be reached. */
  UDP_FAILURE_MAX_AGE_MS: 5_000,
  /** Targets of one association with their addresses, and addresses that it may hear from; the oldest are forgotten first. */
  UDP_PEERS_MAX: 1_024,
  /** Datagrams of one association that wait for a name, and their bytes; more are dropped, as a full queue anywhere would. */
  UDP_WAITING_MAX: 32,
  UDP_WAITING_BYTES_MAX: 128 * 1024,
  /** Bytes that one UDP socket may have unsent; more are dropped. */
  UDP_UNSENT_BYTES_MAX: 256 * 1024,
  /** Receive buffer asked for: the system's usual 208 KB loses bursts of 64 packets. */
  UDP_RECEIVE_BUFFER_BYTES: 1024 * 1024,
  /** Sessions of one UDP forward: a socket each. */
  UDP_SESSIONS_MAX: 8_192,
  /** Sessions of one source address: a whole office behind one, but not all places. */
  UDP_SESSIONS_PER_SOURCE_MAX: 1_024,
  /** Sessions of one UDP forward that begin within a second: more would only be invented sources. */
  UDP_SESSIONS_PER_SECOND_MAX: 1_000,
  /** While the relay drains, a UDP session that is quiet for this long is over: nothing else tells its end. */
  UDP_DRAIN_IDLE_MS: 1_000,
  /** Undeliverable datagrams of one association or forward are reported this often at most. */
  UDP_REPORT_INTERVAL_MS: 10_000,
  /** Refused sources of one listener are reported this often at most: anybody can knock. */
  SOURCE_REPORT_INTERVAL_MS: 1_000,
} as const;

/** Bounds of pacing: rates of users and client addresses (relay/limits). */
export const PACING_LIMITS = {
  /** Time between two rounds of turns: the shortest that timers keep under load. */
  TICK_MS: 10,
  /** Bytes of this much time pass at once after a pause: short answers are not held up, 2 s are kept within 3 %. */
  BURST_MS: 50,
  /** While streams wait, a round that comes late makes up for this much. */
  LATE_MS: 500,
  /** Longest pause that is worth anything: debts are never larger than what this long pays. */
  DEBT_MS_MAX: 3_600_000,
  /** A stream takes what it needs for this part of a round while nobody waits. */
  DRAWS_PER_TICK: 8,
  /** Bounds of one such draw, and of a turn: below a packet nothing gets smoother, above a read nothing gets cheaper. */
  QUANTUM_BYTES_MIN: 1_024,
  QUANTUM_BYTES_MAX: 256 * 1024,
  /** A single read of a paced stream takes at most what this long is worth, or the smallest buffer. */
  READ_MS: 25,
} as const;

/** Bounds of the quotas of users and client addresses (relay/limits). */
export const RELAY_QUOTA_LIMITS = {
  /** One lease: at least 16 reads, at most half a second at full speed. */
  LEASE_BYTES_MIN: 256 * 1024,
  LEASE_BYTES_MAX: 64 * 1024 * 1024,
  /** No lease is larger than this part of its quota: that much a crash counts too much. */
  LEASES_PER_QUOTA: 100,
  /** A lease that lasts shorter is doubled, one that lasts longer halved: each costs one write. */
  LEASE_MS_MIN: 1_000,
  LEASE_MS_MAX: 10_000,
  /** Who has used a quota up is looked up again after this: another process may have given something back. */
  RECHECK_MS: 1_000,
  /** Rows of client addresses in the store: about 20 MB. Past it those that used least are forgotten. */
  ROWS_MAX: 200_000,
  /** Part of them that is forgotten then. */
  ROWS_FORGOTTEN: 20_000,
  /** Use of a period that began this long ago is of no use any more: the longest is a month. */
  ROW_MAX_AGE_MS: 62 * 86_400_000,
  /** A clock that goes back by less than this does not begin a period again. */
  CLOCK_SLACK_MS: 86_400_000,
  /** How long a write waits for another process that is writing. */
  BUSY_MS: 1_000,
  /** A store that fails is reported this often at most. */
  REPORT_INTERVAL_MS: 10_000,
} as const;

/** Bounds of limits per client address and of accounts (relay/limits). */
export const ACCOUNT_LIMITS = {
  /** Client addresses without connections whose rate and quota are kept at hand, and whose arrivals are counted. */
  CLIENTS_MAX: 20_000,
  /** Addresses that are looked at for one to forget, whenever another comes. */
  LOOKS_PER_CLIENT: 16,
  /** Expiry dates are looked at again after this at most: timers cannot wait for months. */
  EXPIRY_CHECK_MS: 3_600_000,
} as const;

/** Bounds of a relay's metrics and of what it tells about itself (relay/metrics). */
export const METRICS_LIMITS = {
  /** Users with series of their own: half a megabyte of text per scrape. */
  USERS_MAX: 1_000,
  /** Timers that show how late the event loop is: often enough for its worst moments, at no cost that could be seen. */
  LOOP_DELAY_STEP_MS: 20,
} as const;

/** Bounds of `causeway stats` (relay/watch). */
export const WATCH_STATS_LIMITS = {
  /** The first picture has rates over this long: shorter ones jump, and nobody waits longer. */
  FIRST_SPAN_MS: 1_000,
  /** Connections of one relay that are asked for: more than any terminal has lines. */
  CONNECTIONS_MAX: 500,
  /** A relay that does not answer within this is lost. */
  ANSWER_TIMEOUT_MS: 10_000,
  /** Pause before a lost source is asked again. */
  RETRY_MS: 2_000,
} as const;

/** Bounds of the command line. */
export const CLI_LIMITS = {
  /** How often a command under npm looks whether its shell is still there: soon for a person, nothing for a processor. */
  PARENT_INTERVAL_MS: 500,
} as const;

/** Bounds of a relay whose connections are served by several threads (relay/threads). */
export const THREAD_LIMITS = {
  /** How often a thread tells how its tunnels are; what is shown is that old at most. */
  TUNNELS_TOLD_MS: 1_000,
  /** Threads of one relay: more than the cores of any machine that one would run on. */
  WORKERS_MAX: 64,
  /** Inbounds whose connections are counted at a time: those of a configuration, started ones, and some that drain. */
  ENTRIES_MAX: 1_024,
  /** Users and client networks that have connections, or had some lately, each of which shares limits between threads. */
  ACCOUNTS_MAX: 150_000,
  /** A thread that asks the main one waits this long at most, and then refuses: longer than a lease may take to write. */
  CALL_TIMEOUT_MS: 2_000,
  /** Arrivals that meet at the last free place try again so often: of two, one gets it. */
  PLACE_TRIES: 8,
  /** Free ports that are looked for when an inbound may have any: the one found is open to all until the threads have it. */
  PORT_TRIES: 5,
  /** What a thread tells waits this long for more of it: a message each would cost a quarter of a short connection. */
  PARCEL_DELAY_MS: 10,
  /** What is told at once at most. */
  PARCEL_NOTES_MAX: 1_000,
  /** Flows whose bytes lie in one piece of shared memory: 64 KB. */
  FLOWS_PER_PAGE: 4_096,
  /** From starting a thread to its first word: on a busy machine it loads its modules in about a second. */
  START_TIMEOUT_MS: 60_000,
  /** A thread that does not say goodbye within this is ended without. */
  EXIT_TIMEOUT_MS: 5_000,
  /** First and longest pause before a thread that broke down is started again; it doubles with each failure in a row. */
  RESTART_MIN_MS: 200,
  RESTART_MAX_MS: 30_000,
  /** A thread that ran this long has not broken down in a row. */
  STEADY_MS: 60_000,
} as const;

/** Bounds of the ingress: requests that the edge signs and a relay carries (shared/ingress). */
export const INGRESS_LIMITS = {
  /** How far the clocks of edge and relay may be apart, either way: what synchronised machines never reach. */
  CLOCK_SKEW_S: 30,
  /** A signature from this long before the relay's start is still taken: it may have waited for the relay to listen. */
  START_GRACE_S: 2,
  /** Nonces remembered: 8,000 requests/s over the 60 s in which a signature may be valid; about 50 MB. */
  NONCES_MAX: 500_000,
  /** Keys whose nonces are remembered, also while no listener has them: more than one relay's listeners ever have. */
  WINDOWS_MAX: 64,
  /** Random bytes of a nonce: no two are ever equal. */
  NONCE_BYTES: 16,
  /** Length of a target URL: what Cloudflare lets through. */
  TARGET_CHARS_MAX: 16 * 1024,
  /** One head, either way: a client's 16 KiB of fields, the target beside them, and what proxies in between add. */
  HEAD_BYTES: 64 * 1024,
  /** Connections to one origin; requests beyond them wait: a machine has 65,536 ports towards one address. */
  ORIGIN_CONNECTIONS_MAX: 4_000,
  /** An idle client is cut this much later than an idle origin: so it is told that the origin kept silent. */
  IDLE_GRACE_MS: 5_000,
  /** Refused signatures are reported this often at most: anybody could fill a log with them. */
  REPORT_INTERVAL_MS: 1_000,
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

/** Bounds of what changes without a push: purges and upstreams that are down (worker/directory/live.ts). */
export const LIVE_LIMITS = {
  /** Purges remembered one by one; beyond it the oldest is widened to its host, and then to all hosts. */
  PURGES_MAX: 500,
  /** Length of all their addresses: the state is loaded by every isolate after each change. */
  PURGE_CHARS_MAX: 128 * 1024,
  /** Length of one purged address: what clients send at most, and a call to the directory carries. */
  PURGE_ADDRESS_CHARS_MAX: 8 * 1024,
  /** Upstreams listed as down: their ids travel in one call's header. */
  DOWN_MAX: 1_000,
} as const;

/** Bounds of active health checks (worker/health). */
export const HEALTH_LIMITS = {
  /** Upstreams under active checks: 200 checks a second at the shortest interval, and a state of 200 KB. */
  CHECKS_MAX: 1_000,
  /** Checks in one call of the entrypoint: as many connections as one invocation may have waiting. */
  CHECKS_PER_CALL: 6,
  /** Calls under way at once: an object may have six connections waiting, and two are for the directory. */
  CALLS_AT_ONCE: 4,
  /** What of a reply is searched for the expected text. */
  BODY_BYTES_MAX: 64 * 1024,
  /** One alarm goes on for this long at most while checks are under way; the platform ends it after 15 minutes. */
  ROUND_MS: 120_000,
  /** A round looks this often for checks that fell due, and two alarms are at least this far apart. */
  LOOK_MS: 500,
  /** Pause before a configuration that could not be read, or a check that gave no result, is tried again. */
  RETRY_MS: 5_000,
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

/** Bounds of the isolate's meter, which reports to the stats object. */
export const METER_LIMITS = {
  /** A report under way for longer than this is taken over by another request's context: quotas are at most 5 s late. */
  FLUSH_DEADLINE_MS: 2_000,
} as const;

/** Bounds of an isolate's background loops (worker/background.ts). */
export const BACKGROUND_LIMITS = {
  /** An armed context that is this late is taken for dead: contexts end without running anything. */
  OVERDUE_MS: 2_000,
  /** After this long a newer request takes the loop over: production ends a context 30 s after its reply. */
  HANDOVER_MS: 5_000,
  /** A context gives the loop up after this long, before production would cut it off. */
  CONTEXT_MS: 25_000,
  /** Longest pause between two failed rounds. */
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
  /** Nobody sees a body move that the runtime copies: besides the idle timeout it gets its time at this rate (2G's). */
  PIPED_BYTES_PER_S_MIN: 8 * 1024,
  /** Uploads of known length up to this are collected before they are sent on: cheaper, and a late one never is half sent. */
  UPLOAD_BUFFERED_BYTES_MAX: 16 * 1024,
  /** First buffer of a read loop: event streams and small replies need no more. */
  READ_BYTES_MIN: 16 * 1024,
  /** Grown buffer of a read loop: half the CPU time per byte of a 64 KiB one. */
  READ_BYTES_MAX: 256 * 1024,
} as const;

/** Bounds of what addresses are compared with. */
export const NET_LIMITS = {
  /** Client addresses whose bytes are kept, so that they are read once for all rules: about 100 KB. */
  RECENT_ADDRESSES_MAX: 1_024,
} as const;

/** Bounds of what decides who is let in to a host. */
export const ACCESS_LIMITS = {
  /** Hosts whose places, windows and terms an isolate keeps: every host of a configuration, and as many of former ones. */
  HOSTS_MAX: 20_000,
  /** Clients whose rates an isolate keeps, over all hosts: about 10 MB. */
  RATE_CLIENTS_MAX: 50_000,
  /** A call to an object that is this much over its own deadline has lost its context. */
  GIVE_UP_MS: 200,
  /** Requests of an isolate that wait for one answer of an object; more are judged by what is known. */
  WAITING_MAX: 1_000,
} as const;

/** Bounds of sign-in at hosts. An scrypt check holds up the isolate's only thread for 0.15 to 0.3 s. */
export const SIGN_IN_LIMITS = {
  /** Longest Authorization that is read: a user of 255 and a password of 128 characters of four bytes each, in base64. */
  HEADER_CHARS_MAX: 2_200,
  /** Right passwords that an isolate remembers: the users of all its hosts. */
  RIGHT_MAX: 20_000,
  /** Wrong credentials that are remembered, and for how long: one that a program repeats is checked and counted once. */
  WRONG_MAX: 10_000,
  WRONG_KEPT_MS: 60_000,
  /** Checks that wrong passwords may use up at once, and how long it takes until one comes back: a fifth of a thread. */
  WRONG_BURST: 8,
  WRONG_REFILL_MS: 1_000,
  /** Failed sign-ins of a client that cost nothing; each one on top doubles the wait. */
  FREE_FAILURES: 5,
  WAIT_MIN_MS: 1_000,
  WAIT_MAX_MS: 60_000,
  /** Failures are forgotten this long after the last one. */
  FORGET_MS: 15 * 60_000,
  /** Clients whose failures an isolate remembers. */
  CLIENTS_MAX: 10_000,
  /** Plain passwords in one configuration that the edge hashes itself: 6 s at most. `causeway push` hashes any number. */
  PLAIN_PASSWORDS_MAX: 20,
} as const;

/** Bounds of leases: limits that hold world-wide without an object call per request. */
export const LEASE_LIMITS = {
  /** A lease that nobody renews is over: an isolate that died gives its places back by then. */
  LEASE_MS: 30_000,
  /** A lease with less than this left is renewed: ten attempts fit, also where a round comes every 2 s only. */
  RENEW_MS: 20_000,
  /** An isolate asks for this part of the limit beyond what it uses: that much may lie idle in each isolate. */
  SHARES: 10,
  /** An object that takes longer counts as failing; no request waits for a lease for longer. */
  ASK_DEADLINE_MS: 1_000,
  /** After the object had nothing to give the isolate refuses by itself for this long. */
  REFUSED_MS: 250,
  /** After a failure the object is asked again this much later; until then the last lease goes on. */
  RETRY_MS: 1_000,
  /** Leases that are renewed at a time: a request may have six connections waiting for headers. */
  AT_ONCE: 4,
  /** Isolates with leases of one host; further ones get none. */
  HOLDERS_MAX: 10_000,
  /** Time between two sweeps of an object's leases. */
  SWEEP_MS: 60_000,
  /** A leased part of a rate that lasts shorter than this is doubled, one that lasts longer halved. */
  RATE_SHORT_MS: 1_000,
  RATE_LONG_MS: 4_000,
  /** Times that a request asks for a part of a rate when others are quicker to use it up. */
  RATE_ATTEMPTS: 5,
  /** Rates with leases that an isolate keeps. */
  RATES_MAX: 20_000,
} as const;

/** Bounds of quotas in bytes per period. */
export const QUOTA_LIMITS = {
  /** Services whose use is kept: every host of a configuration, and as many of former ones. */
  SERVICES_MAX: 20_000,
  /** Use that is older than the longest period and a second is of no use any more. */
  ROW_MAX_AGE_MS: 32 * 24 * 3_600_000,
  /** An isolate that has heard of the quotas within this time serves by what it knows; later it asks first. */
  FRESH_MS: 3_000,
  /** Longest wait of a request for that answer: with the time before it the promised 5 s hold. */
  ASK_DEADLINE_MS: 1_000,
  /** After a failure nobody waits for this long: a stats object that is away must not slow hosts down. */
  RETRY_MS: 4_000,
} as const;

/** Bounds of the control link between a relay and the edge. */
export const LINK_LIMITS = {
  /** A message from a relay: a batch at all its bounds with every character escaped is under 12 MB. */
  MESSAGE_BYTES_MAX: 16 * 1024 * 1024,
  /** A message from the edge: acknowledgements are tiny. */
  REPLY_BYTES_MAX: 64 * 1024,
  /** Listeners named in a hello. */
  INBOUNDS_MAX: 100,
  /** Sessions of UDP tunnels that are told: a page shows no more, and metrics have them all. */
  TUNNELS_MAX: 50,
  /** How often they are told, while they change. */
  TUNNELS_INTERVAL_MS: 2_000,
  /** How often they are told though they have not changed. */
  TUNNELS_REPEAT_MS: 10_000,
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

/** Bounds of orders to a relay, by its admin API or over the control link, and of closing connections by id. */
export const ORDER_LIMITS = {
  /** Orders of one link under way at once, at either end; more are refused. People give them, or a script. */
  UNDER_WAY_MAX: 16,
  /** Orders that the edge waits for, of all relays. */
  WAITING_MAX: 256,
  /** An order that is not answered within this has failed: longer than any of them takes. */
  ANSWER_TIMEOUT_MS: 25_000,
  /** A status that is asked of all relays waits no longer for one of them. */
  STATUS_TIMEOUT_MS: 3_000,
  /** Length of a URL to test. */
  URL_CHARS_MAX: 4_096,
  /** Length of an error's sentence. */
  TEXT_CHARS_MAX: 1_000,
  /** Inbounds in one status: those of a configuration and those started at run time. */
  INBOUNDS_MAX: 300,
  /** Inbounds started at run time, running or draining. */
  STARTED_MAX: 100,
  /** One test as a whole. */
  TEST_TIMEOUT_MS: 20_000,
  /** Bytes of a tested reply that are read: enough to see that the body flows. */
  TEST_BODY_BYTES_MAX: 1024 * 1024,
  /** Of these the exit address is looked for in the body's beginning. */
  TEST_SEEN_BYTES_MAX: 16 * 1024,
  /** Whoever closes a connection is told what became of it within this: two rounds of the meter, the mover's step, a margin. */
  CLOSE_WAIT_MS: 6_000,
  /** Connections of the edge that are being closed at once; more orders are refused. */
  CLOSINGS_MAX: 1_000,
  /** Body of a request to the admin API. */
  BODY_BYTES_MAX: 16 * 1024,
  /** Head and body of a request to the admin API have this long to arrive. */
  REQUEST_TIMEOUT_MS: 10_000,
  /** A changed UDP inbound gives its port up after this: the old sessions hold the socket that the new ones need. */
  VACATE_TIMEOUT_MS: 2_000,
} as const;

/** Bounds of the watch over requests that wait for an upstream (worker/watch.ts). */
export const WATCH_LIMITS = {
  /** Requests that wait longer than this get a timer of their own, and their client is looked for. */
  INTERVAL_MS: 500,
  /** How long a called request has to answer: less than a round. It takes one turn of the event loop. */
  ANSWER_MS: 250,
  /** Moving bytes are looked after this often at most: a thousand idle event streams cost under a per cent of a core. */
  MOVING_INTERVAL_MS: 2_000,
  /** Rounds that a request may leave unanswered while its bytes move: taken for gone, it would not be counted on. */
  MOVING_MISSES_MAX: 4,
} as const;

/** Bounds of the reverse proxy. */
export const PROXY_LIMITS = {
  /** Entries of this proxy in Via before a request counts as going in circles: nobody chains ten edges on purpose. */
  VIA_PASSES_MAX: 10,
  /** The retry budget looks back over 10 s, in steps of a second. */
  RETRY_BUCKETS: 10,
  RETRY_BUCKET_MS: 1_000,
  /** Repetitions in that time that are always allowed: a quiet host has no hundred requests to take per cent of. */
  RETRIES_FREE: 10,
  /** A request with a longer URL that fails is not held against its upstream: the runtime refuses to send very long ones. */
  BLAMED_URL_CHARS_MAX: 16 * 1024,
  /** A trial of an upstream without outcome is lost this long after its header deadline: contexts can die silently. */
  TRIAL_SLACK_MS: 1_000,
  /** Hosts whose upstreams' state outlives a push: every host a configuration may have. */
  POOLS_KEPT_MAX: 10_000,
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
  /** A socket that has not shown itself for this long, six ticks, holds no place any more: its context has died. */
  SOCKET_LAPSE_MS: 60_000,
  /** Lapsed places are looked for this often at most: a refusal costs a look at every place. */
  SOCKET_SWEEP_INTERVAL_MS: 1_000,
} as const;

/** Bounds of caches in the edge: what segments and the HTTP cache share, and the latter's own (worker/proxy/cache). */
export const CACHE_LIMITS = {
  /** What an entry in memory costs besides its body, so that many tiny ones are bounded too. */
  ENTRY_OVERHEAD_BYTES: 1024,
  /** A follower of a fetch under way waits at most this, then fetches by itself: contexts can die silently. */
  FOLLOW_TIMEOUT_MS: 15_000,
  /** Fetches under way that others may join; beyond it the oldest cannot be joined any more. */
  FLIGHTS_MAX: 1_000,
  /** Replies kept in the isolate's memory, least recently used first out: beside the channels' within its 128 MB. */
  MEMORY_BYTES: 16 * 1024 * 1024,
  /** Bodies up to this are fetched whole before the reply begins, shared with those who wait, and kept in memory. */
  WHOLE_BODY_BYTES_MAX: 512 * 1024,
  /** Bodies that are being taken whole, in one isolate; beyond it they are copied while they stream, or not stored. */
  FETCHES_BYTES_MAX: 16 * 1024 * 1024,
  /** Larger bodies are stored while they stream, up to this: the copy for a slow client piles up in the isolate. */
  STREAMED_BODY_BYTES_MAX: 32 * 1024 * 1024,
  /** All copies under way in one isolate; beyond it bodies stream without being stored. */
  COPIES_BYTES_MAX: 32 * 1024 * 1024,
  /** A copy's room is free again after this even if nobody gave it back. */
  COPY_LAPSE_MS: 120_000,
  /** Stored fields of one reply, as JSON: they travel in one header of the platform's cache. */
  HEAD_CHARS_MAX: 12 * 1024,
  /** Names in one Vary: more would make an entry for nearly every request. */
  VARY_NAMES_MAX: 8,
  /** Longest key that is stored: longer addresses are rare and each would be an entry of its own. */
  KEY_CHARS_MAX: 8_192,
  /** Parts of one Range that are answered; browsers ask for one, document viewers for a few. */
  RANGES_MAX: 16,
  /** Longest freshness, whatever the upstream says: RFC 9111 sees no use in more than a year. */
  LIFETIME_MS_MAX: 365 * 86_400_000,
  /** Without directives a reply is fresh for this part of the time since its last change (RFC 9111 section 4.2.2). */
  HEURISTIC_DIVISOR: 10,
  HEURISTIC_MS_MAX: 86_400_000,
  /** How long a stale reply stands in for an upstream that cannot be reached, unless it says otherwise. */
  UNREACHABLE_STALE_MS: 3_600_000,
  /** A stale reply with a validator is kept this much longer: a 304 costs less than its body. */
  VALIDATION_KEEP_MS: 86_400_000,
  /** Longest time an entry is kept in the data centre's cache. */
  KEEP_MS_MAX: 30 * 86_400_000,
  /** An entry in memory is trusted this long, then the data centre's cache is asked whether it was invalidated. */
  MEMORY_TRUST_MS: 5_000,
  /** An invalidation is remembered this long: longer than any reply that was under way before it. */
  TOMBSTONE_MS: 120_000,
  /** An address whose reply may not be stored is not waited for by others for this long. */
  PASS_MS: 10_000,
  /** Addresses remembered so: about 1 MB. */
  PASSES_BYTES_MAX: 1024 * 1024,
  /** A validation in the background that takes longer has lost its context. */
  REFRESH_MS_MAX: 30_000,
  /** While something stale stands in, an upstream that failed is asked again after this. */
  FAILURE_MS: 2_000,
  /** Validations in the background, at once in one isolate; beyond it stale replies are validated by later requests. */
  REFRESHES_MAX: 32,
  /** A reply's body in the background: it has no client whose patience would bound it. */
  REFRESH_BODY_TIMEOUT_MS: 15_000,
} as const;

/** Bounds of the access log (worker/access-log). */
export const ACCESS_LOG_LIMITS = {
  /** A batch is posted this often at most: one request per isolate and second. */
  POST_INTERVAL_MS: 1_000,
  /** Records and characters in one batch: what log services take in one request. */
  BATCH_RECORDS_MAX: 500,
  BATCH_CHARS_MAX: 1024 * 1024,
  /** Records and characters that wait while the receiver is away: 10 s at full load, within an isolate's 128 MB. */
  QUEUE_RECORDS_MAX: 20_000,
  QUEUE_CHARS_MAX: 16 * 1024 * 1024,
  /** A receiver that takes longer has failed. */
  POST_TIMEOUT_MS: 5_000,
  /** No further batch is begun after this long: the request whose context carries the posts must not live for them. */
  ROUND_MS: 5_000,
  /** Queues kept over pushes: twice what a configuration may have. */
  SINKS_KEPT_MAX: 8,
  /** Length of a logged path, and of a logged header. */
  PATH_CHARS_MAX: 2_000,
  HEADER_CHARS_MAX: 500,
} as const;

/** Bounds of lists: providers' channel lists, programme guides, and what is made of them (shared/lists, worker/lists). */
export const LIST_LIMITS = {
  /** Imported lists of one configuration: each costs an isolate 160 KB at most. */
  IMPORTS_MAX: 20,
  /** Guides besides those of imported lists. */
  GUIDES_MAX: 20,
  /** Channels of all lists that one guide is chosen for: what fits an isolate beside the guide. */
  GUIDE_CHANNELS_MAX: 60_000,
  /** Channels taken from one list; the largest providers carry about as many live ones. */
  CHANNELS_MAX: 20_000,
  /** A provider's list as it comes out of its compression: 200,000 entries with long addresses. */
  LIST_BYTES_MAX: 64 * 1024 * 1024,
  /** What an isolate holds of one list before it is stored, in characters: 20,000 channels of 1,000 each. */
  LIST_KEPT_CHARS_MAX: 20_000_000,
  /** Address, header fields and template of one channel: 128 of them, sealed, fit a row. */
  ORIGIN_CHARS_MAX: 8_000,
  /** One line of a list: a URL with header fields, or options as JSON; longer ones are dropped with their entry. */
  LINE_CHARS_MAX: 16 * 1024,
  /** Attributes of one entry, and option lines: players know about twenty of each. */
  ATTRIBUTES_MAX: 50,
  OPTION_LINES_MAX: 50,
  /** Text of an entry that is kept: what the configuration allows for a channel of its own. */
  TEXT_CHARS_MAX: 200,
  /** Globs of one filter and renames of one import: each is tried on every entry. */
  PATTERNS_MAX: 200,
  /** Steps of one glob on one text: both are short, so only a hostile pair comes near. */
  GLOB_STEPS_MAX: 20_000,
  /** A guide as it comes out of its compression; the largest public ones have about half of this. */
  GUIDE_BYTES_MAX: 256 * 1024 * 1024,
  /** A compressed guide or list as it comes in. */
  PACKED_BYTES_MAX: 96 * 1024 * 1024,
  /** One programme of a guide with all its texts; a longer one is dropped. */
  PROGRAMME_CHARS_MAX: 64 * 1024,
  /** Depth of a programme's elements: the format needs three. */
  XML_DEPTH_MAX: 12,
  /** Programmes taken from one guide: two weeks of 10,000 channels. */
  PROGRAMMES_MAX: 2_000_000,
  /** Channels of our list that one channel of a guide may serve: variants of one station share an id. */
  ALIASES_MAX: 64,
  /** Compressed bytes kept of one guide, and of all together: they are rows of one object and one cache entry. */
  GUIDE_STORED_BYTES_MAX: 48 * 1024 * 1024,
  /** The same before compression: the usual ten times as much. Who takes no gzip is sent all of it. */
  GUIDE_STORED_CHARS_MAX: 480 * 1024 * 1024,
  /** Programmes that ended longer ago, or begin later, are left out: what catch-up and players show. */
  PAST_MS: 7 * 86_400_000,
  FUTURE_MS: 21 * 86_400_000,
  /** Headers of a provider's reply; large lists are often made on request. */
  HEADER_TIMEOUT_MS: 60_000,
  /** A whole download with its reading: an alarm may take 15 minutes. */
  REFRESH_TIMEOUT_MS: 300_000,
  /** A body that stands still for this long is broken off. */
  STALL_TIMEOUT_MS: 30_000,
  REDIRECTS_MAX: 5,
  /** First pause after a failure; it doubles up to the import's own interval. */
  RETRY_MIN_MS: 60_000,
  /** Two alarms are at least this far apart. */
  ALARM_PAUSE_MS: 1_000,
  /** Pause after an alarm that could not do its work: the directory was away, or a merge failed. */
  ALARM_RETRY_MS: 5_000,
  /** One alarm begins no further refresh after this: the platform ends it after 15 minutes. */
  ROUND_MS: 480_000,
  /** Records in one row: about 100 KB; one is read by parsing its row. */
  RECORDS_PER_ROW: 128,
  /** Entries of a list in one row: about 120 KB, held by an isolate while it writes a list out; 2 MB at their longest. */
  SUMMARIES_PER_ROW: 400,
  /** Bytes in one row of a guide: a row may hold 2 MB. */
  PIECE_BYTES: 1024 * 1024,
  /** A call to the object that holds the lists. */
  CALL_DEADLINE_MS: 10_000,
  /** What isolates of a data centre share of the lists never changes; it is dropped when unused. */
  CACHE_TTL_S: 86_400,
  /** How long players may use a list and the guide before they ask again whether it changed. */
  GUIDE_FRESH_S: 300,
  /** Filters of one kind in the query of a list, and their length: anybody may ask, and each is tried on every channel. */
  QUERY_GLOBS_MAX: 5,
  QUERY_GLOB_CHARS_MAX: 100,
  /** Longest catch-up programme. */
  CATCHUP_DURATION_S_MAX: 86_400,
  /** A recording whose length the origin does not tell: a day at 6 Mbit/s. It passes at its viewer's pace and is not kept. */
  RECORDING_BYTES_MAX: 64 * 1024 ** 3,
} as const;

/** Failover between the sources of a channel (shared/hls/failover.ts, worker/hls/object). */
export const FAILOVER_LIMITS = {
  /** Playlists of one channel whose numbers are kept: variants and renditions; the least recently used are forgotten. */
  TRACKS_MAX: 100,
  /** A source that has just failed is not tried again for this long, even if every other one fails, too. */
  RETRY_MS: 1_000,
  /** After this a failed source is taken before one that failed later: most outages of a machine are shorter. */
  REST_MS: 30_000,
  /** A source that fails within this time after a switch to it must be healthy for twice as long next time. */
  STEADY_MS: 600_000,
  /** Doublings of that time at most: 32 times as long. */
  RELAPSES_MAX: 5,
  /** Preferred sources are tried this often while another one is in use. */
  TRIAL_MS: 10_000,
  /** Target durations without a new segment after which a live playlist counts as stale. */
  STALE_TARGETS: 3,
  /** The same for a playlist that names no target duration: three of the usual 6 s. */
  STALE_MS: 18_000,
  /** A sealed redirect target: 2,048 characters of URL twice. */
  PIN_CHARS_MAX: 6_000,
  /** Names of what is not asked for right now, per isolate: some hundreds. */
  RESTING_BYTES: 256 * 1024,
  /** A variant's address that its source has given up is tried again after this. */
  MOVED_MS: 60_000,
  /** After this a request goes to no further source: players give up about then. */
  REQUEST_MS: 15_000,
  /** What an isolate knows of a channel's object is renewed after this, in the background. */
  STATE_FRESH_MS: 3_000,
  /** Older knowledge is not used without asking: another source may be in use since. */
  STATE_USABLE_MS: 15_000,
  /** The object answers within milliseconds; a request must not hang on one that does not. */
  CALL_DEADLINE_MS: 2_000,
  /** Channels with several sources that an isolate knows; the least recently used are forgotten first. */
  CHANNELS_MAX: 1_000,
  /** What viewers have seen is stored this often; it comes anew with every report. */
  SAVE_MS: 30_000,
  /** An object that nobody has asked for so long forgets everything and costs nothing any more. */
  LAPSE_MS: 24 * 3_600_000,
  /** Playlists of channels with several sources kept per isolate for when all of them fail. */
  TRACK_MEMORY_BYTES: 8 * 1024 * 1024,
} as const;

/** Cookies that origins of channels set (shared/http/cookie-jar.ts). */
export const COOKIE_LIMITS = {
  /** Cookies of one source: RFC 6265 asks browsers for 50 per domain. */
  COOKIES_MAX: 50,
  /** One Set-Cookie field: RFC 6265 asks browsers for 4,096. */
  SET_COOKIE_CHARS_MAX: 4_096,
  /** The Cookie field of one request: most servers take heads of 8 KiB and more. */
  FIELD_CHARS_MAX: 6_144,
  /** A cookie without an expiry, or with a later one, is kept this long: sessions of providers last hours. */
  LIFE_MAX_MS: 24 * 3_600_000,
  /** Changed cookies are left for other isolates this often at most. */
  SHARE_MS: 10_000,
  /** Sources with cookies per isolate; the oldest are forgotten first. */
  JARS_MAX: 500,
} as const;

/** Bounds of who watches: tokens of addresses, sessions, limits on viewers (shared/viewers, worker/hls/access). */
export const VIEWER_LIMITS = {
  /** A token with every claim at its longest. */
  TOKEN_CHARS_MAX: 1_024,
  /** Genuine tokens that an isolate remembers, each about 500 bytes. */
  TOKENS_MAX: 10_000,
  /** A session that has asked for nothing for this long holds no place: three target durations of the usual 10 s. */
  ACTIVE_MS: 30_000,
  /** A session may go on past its token's expiry after a pause of this long: players fill their buffers, people pause. */
  RESUME_MS: 300_000,
  /** An isolate tells an object this often at most who watches. */
  REPORT_MS: 5_000,
  /** Sessions in one report; the others follow with the next one. */
  REPORT_SESSIONS_MAX: 1_000,
  /** A request waits for the object's answer no longer; a limit is then not held against it. */
  ANSWER_DEADLINE_MS: 2_000,
  /** After a failure the object is left alone for this long. */
  RETRY_MS: 2_000,
  /** Who was refused is refused for this long without asking the object again. */
  REFUSED_MS: 2_000,
  /** Retry-After of who was refused for want of a place: half the time after which an idle place is free. */
  RETRY_AFTER_S: 15,
  /** Places of a full channel that one network keeps whoever else wants in: a household's. */
  NETWORK_PLACES: 4,
  /** Sessions of one channel or subscriber, and the largest limit: 2 MB as stored. */
  SESSIONS_MAX: 20_000,
  /** Sessions that one isolate remembers, of all channels. */
  SEATS_MAX: 50_000,
  /** Channels and subscribers whose sessions an isolate reports. */
  AUDIENCES_MAX: 2_000,
  /** Sessions are written down this often at most: a deploy ends no viewing, and costs a row each time. */
  SAVE_MS: 15_000,
  /** Characters of one stored row: the platform takes 2 MB. */
  ROW_CHARS: 1_000_000,
  /** A reply that goes on for long looks this often whether its viewer may still watch. */
  RECHECK_MS: 2_000,
  /** Longest validity of an address made by hand. */
  EXPIRES_MS_MAX: 366 * 86_400_000,
  /** Addresses of a list that are signed at a time: each is a MAC, and a list may have 10,000. */
  SIGNED_AT_ONCE: 200,
} as const;

/** Bounds of channels that are one transport stream (shared/ts, worker/ts). */
export const TS_LIMITS = {
  /** Sync bytes at the right distance that make a transport stream: by chance 1 of 10^12 positions has them. */
  SYNC_PACKETS: 5,
  /** Bytes without a packet after which a body is none: error pages are shorter or never sync, streams begin within one. */
  GARBAGE_BYTES_MAX: 64 * 1024,
  /** Longest section of a PAT or PMT: a length of 1,021 and the 3 bytes before it. */
  SECTION_BYTES_MAX: 1_024,
  /** Programs of one stream and streams of one program that are looked at: channels have one of a few. */
  PROGRAMS_MAX: 16,
  STREAMS_MAX: 64,
  /** Packets of a unit that are looked through for the kind of its first picture: long enough for any headers before it. */
  UNIT_PACKETS_SEEN: 16,
  /** A block of the stream in memory: 256 packets, and what one write takes; a reader's 64 KiB buffer holds it. */
  BLOCK_BYTES: 256 * 188,
  /** The stream in memory, shared by all viewers of an object; who has fallen behind it is cut off: 16 s at 4 Mbit/s. */
  WINDOW_BYTES_MAX: 8 * 1024 * 1024,
  /** The same in time: a viewer that far behind will not catch up. */
  WINDOW_MS_MAX: 30_000,
  /** Viewers begin at the last keyframe if it is no further back: half the window, so that a new viewer is not cut off at once. */
  BURST_BYTES_MAX: 4 * 1024 * 1024,
  BURST_MS_MAX: 15_000,
  /** While even the foremost viewer is that far behind, the origin is not read: one that sends a file is slowed down. */
  AHEAD_BYTES_MAX: 6 * 1024 * 1024,
  /** The same while nobody watches, for all of the linger. */
  LINGER_BYTES_MAX: 32 * 1024 * 1024,
  /** Without a keyframe for this long viewers begin at any unit: scrambled streams show none. */
  KEYFRAME_WAIT_MS: 5_000,
  /** A connection that has brought no picture, sound or table that viewers could begin with for this long is given up. */
  BEGIN_TIMEOUT_MS: 12_000,
  /** Packets of a unit held while it is not known to be a keyframe. */
  HELD_BYTES_MAX: 512 * 1024,
  /** Viewers are told of new bytes at a block, or this long after the first: each telling costs a write per viewer. */
  PUBLISH_INTERVAL_MS: 100,
  /** Viewers of one object; 100 at 4 Mbit/s are 50 MB/s, what one thread writes with room to spare. */
  VIEWERS_PER_OBJECT: 100,
  /** Further objects that the tree has below one object. */
  FAN_OUT: 8,
  /** Objects that may pull from one at once, beside its viewers: one that comes back may overlap with what it was before. */
  CHILDREN_MAX: 16,
  /** Objects of one channel: 12,800 viewers. */
  SHARDS_MAX: 128,
  /** Objects tried on each level of the tree before it counts as full, and on the last one. */
  PICKS_PER_LEVEL: 2,
  PICKS_ON_LAST_LEVEL: 6,
  /** A level that was full is passed over this long: then viewers will have left it. */
  FULL_REMEMBERED_MS: 5_000,
  /** Channels whose full levels an isolate remembers; the oldest are forgotten first. */
  CHANNELS_REMEMBERED_MAX: 1_000,
  /** One look at everything that waits or idles in an object. */
  TICK_MS: 500,
  /** A first viewer waits this long for the stream, over all sources. */
  START_TIMEOUT_MS: 20_000,
  /** After all sources have failed, others get the same answer without a new round. */
  FAILURE_REMEMBERED_MS: 1_000,
  /** A write that a viewer has not taken for this long ends it. */
  WRITE_TIMEOUT_MS: 15_000,
  /** The pull goes on after the last viewer: one who changes channels back, or reconnects, need not wait. */
  LINGER_MS: 10_000,
  /** First and longest pause after all sources failed in a row. */
  RETRY_MIN_MS: 500,
  RETRY_MAX_MS: 8_000,
  /** A pull that lasted this long has worked: the next failure begins with the shortest pause again. */
  HEALTHY_MS: 10_000,
  /** Viewers stay for this long without a stream; then their connections break. */
  OUTAGE_MS_MAX: 60_000,
  /** While nothing comes, packets of nothing are sent this often: players and proxies take silence for the end. */
  FILL_AFTER_MS: 3_000,
  /** A running pull looks for a changed configuration this often. */
  CONFIG_CHECK_MS: 1_000,
  /** An object's CPU time is bounded from request to request, so one that only streams asks itself this often. */
  REFRESH_MS: 60_000,
} as const;

/** Bounds of channels (worker/hls). */
export const HLS_LIMITS = {
  /** Sources of one channel: providers give two or three addresses; each further one lengthens an outage of all. */
  SOURCES_MAX: 16,
  /** Header fields of a source or a channel, by configuration or from an imported list. */
  SOURCE_HEADERS_MAX: 50,
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
  /** What a body of unknown length takes of that at first, and each time that it grows: most segments are one or two. */
  FLIGHT_STEP_BYTES: 1024 * 1024,
  /** A buffer's place is free again after this even if nobody gave it back. */
  FLIGHT_LAPSE_MS: 60_000,
  /** Segments kept in the isolate's memory, least recently used first out. */
  MEMORY_BYTES: 32 * 1024 * 1024,
  /** Playlists kept in the isolate's memory, with what was found in them and what viewers get. */
  PLAYLIST_MEMORY_BYTES: 24 * 1024 * 1024,
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
  /** Redirects followed for one fetch: browsers allow 20, no origin needs more than a few. */
  REDIRECTS_MAX: 5,
  /** Longest sealed address part that is opened: what the longest URI that variables make is sealed to. */
  SEALED_CHARS_MAX: 24 * 1024,
  /** A list of interstitials or a steering manifest: a few kilobytes; it is rewritten whole for every request. */
  DOCUMENT_BYTES_MAX: 1024 * 1024,
  /** Sealed address parts that an isolate has opened, with their texts: opening costs more than the rest of a hit. */
  OPENED_BYTES: 2 * 1024 * 1024,
  /** Pathway clones that one address may carry: a clone of a clone of a clone is unheard of. */
  PATHWAYS_MAX: 8,
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
  /** Directories of media playlists that an isolate remembers, for how long what lies there is needed; some 300 bytes each. */
  DIRECTORIES_MAX: 2_000,
  /** Directories that one playlist is noted for: more would be one for each segment. */
  DIRECTORIES_PER_PLAYLIST: 4,
  /** That an origin does not have something is believed this long: a player that runs ahead asks again about then. */
  MISSING_MS: 1_000,
  /** The same where playlists have parts: a hinted part may be there a moment later. */
  MISSING_PART_MS: 100,
  /** Resources that origins have just refused, in bytes with their keys: about a thousand. */
  REFUSALS_BYTES: 1024 * 1024,
  /** Target durations that a reply to a blocking reload stays fresh (RFC 8216bis appendix B.1): it cannot change any more. */
  BLOCKING_FRESH_TARGETS: 6,
  /** Target durations that an origin may hold a blocking reload: it gives up after three (RFC 8216bis section 6.2.5.2). */
  BLOCKING_TARGETS: 4,
  /** The longest wait for a blocking reload, whatever the target duration says. */
  BLOCKING_TIMEOUT_MAX_MS: 60_000,
  /** The same for a playlist whose target duration is not known yet: four of the usual 6 s. */
  BLOCKING_TIMEOUT_MS: 24_000,
  /**
   * Blocking reloads of one channel that an isolate has the origin hold; who asks for another gets what there is. Players
   * of ten renditions ask for a few each, but anybody may ask for any part.
   */
  BLOCKING_MAX: 64,
  /** Channels whose blocking reloads an isolate counts. */
  BLOCKING_CHANNELS_MAX: 1_000,
  /** Leaders that one request waits for: a second one takes over from one that is late. */
  FOLLOWS_MAX: 3,
  /** Those who wait for another's fetch wait this much longer than it may take until its headers. */
  FOLLOW_SLACK_MS: 5_000,
  /** Those who want what is too large to be shared wait this long until it is stored: a live segment's usual duration. */
  STORED_PATIENCE_MS: 8_000,
  /** How far the clocks of two machines that share a cache may differ. */
  CLOCK_SKEW_MS: 5_000,
  /** What HEAD told is told again for so long: it stands for no body, so nothing is missed. */
  HEAD_KEPT_MS: 1_000,
  HEADS_BYTES: 128 * 1024,
  /** Segments that a live playlist gains while a blocking reload's origin and this edge differ; what is beyond is invented. */
  BLOCKING_AHEAD_MAX: 8,
  /** What may not be kept is not fetched ahead again for so long, and the directories that this is known of. */
  FUTILE_MS: 60_000,
  FUTILE_BYTES: 128 * 1024,
  /** Segments fetched ahead for one playlist, and how many of them at a time: six connections are all a request has. */
  PREFETCH_MAX: 10,
  PREFETCHES_AT_ONCE: 2,
  /** What is re-read is worth a write to R2 if it stays fresh for this long: segments of live channels never do. */
  BUCKET_WORTH_MS: 600_000,
} as const;

/** Bounds of world-wide fetch leases: channels with `shield = true` (worker/hls/shield.ts, worker/hls/object/leases.ts). */
export const SHIELD_LIMITS = {
  /** Bodies up to this travel by the object itself: playlists, keys and small parts, for which R2 would be slow and dear. */
  PARCEL_BYTES_MAX: 128 * 1024,
  /** Such bodies kept in one object. */
  PARCELS_BYTES: 8 * 1024 * 1024,
  /** Fetches under way of one channel; further ones are not coordinated. */
  LEASES_MAX: 1_000,
  /** Who waits for fetches of one channel; others fetch by themselves. */
  WAITERS_MAX: 2_000,
  /** Longest time that a lease is held: a blocking reload and the reading of its body. */
  HOLD_MAX_MS: 120_000,
  /** The object's answer, besides the time that it may wait for another's fetch. */
  CALL_SLACK_MS: 2_000,
} as const;

/** Bounds of UDPack's acknowledgement, loss detection and pacing (relay/udpack/recovery; docs/UDPACK.md section 6). */
export const UDPACK_RECOVERY_LIMITS = {
  /** Ranges of an ACK frame, and kept of what was received: 5 % loss at 100,000 packets a second makes 256 in 50 ms. */
  ACK_RANGES_MAX: 256,
  /** Packets that may wait for an ACK: their round-trip time is measured by it. */
  ACK_AFTER_PACKETS: 32,
  /** Numbers from the oldest packet in flight to the newest: 150 MB of 1,200 bytes, 125 MB/s x 200 ms six times. */
  PACKETS_IN_FLIGHT_MAX: 131_072,
  /** Reordering that is waited for, in packets: each ACK looks at so many again at most. */
  REORDERING_PACKETS_MAX: 1_024,
  /** Reordering that is waited for, as time, where two round trips are less. */
  REORDERING_MS_MAX: 50,
  /** How long a reordering that was seen keeps the thresholds up. */
  REORDERING_KEPT_MS: 30_000,
  /** Packets given up, the newest ones, that are recognised when they are acknowledged after all. */
  LOST_REMEMBERED: 64,
  /** Least time that a packet is waited for, and least granularity of timers (RFC 9002 section 6.1.2). */
  GRANULARITY_MS: 1,
  /** Taken for the round-trip time before the first sample (RFC 9002 section 6.2.2). */
  FIRST_RTT_MS: 333,
  /** Ceiling of the tail probe's doubled time: who comes back after an outage is noticed within this. */
  PROBE_INTERVAL_MS_MAX: 1_000,
  /** Tail probes without an answer after which the path counts as broken. */
  OUTAGE_PROBES: 3,
} as const;

/** Bounds of UDPack's congestion control (relay/udpack/congestion; docs/UDPACK.md section 7). */
export const UDPACK_CONGESTION_LIMITS = {
  /** A packet is counted as at least this. */
  PACKET_BYTES_MIN: 1_200,
  /** Send quantum as time: a Node timer fires after 1.1 ms at the earliest. */
  QUANTUM_MS: 1,
  /** Least send quantum. */
  QUANTUM_PACKETS_MIN: 2,
  /** Least window, in send quanta: one that leaves, one on its way, and one whose ACK is. */
  WINDOW_QUANTA_MIN: 3,
  /** Part of the peer's socket buffer that one burst may take: 64 packets in a default one lose 1 %. */
  BURST_BUFFER_DIVISOR: 4,
  /** What a peer that tells no other number holds. */
  RECEIVE_BUFFER_BYTES: 212_992,
  /** Window at first and after an outage: many QUIC stacks begin so; ten packets cost 1.6 round trips more. */
  FIRST_WINDOW_PACKETS: 32,
  /** Age at which the least round-trip time is measured anew, and the same while flows share a queue. */
  MIN_RTT_KEPT_MS: 5_000,
  MIN_RTT_SHARED_KEPT_MS: 2_500,
  /** How long the window is held down for that. */
  PROBE_RTT_MS: 200,
  /** Window that is left meanwhile, at least. */
  PROBE_RTT_PACKETS: 4,
  /** A queue that stands for a whole cycle is worked off down to this: flows of all round-trip times see the same. */
  STANDING_QUEUE_MS: 5,
  /** Least round-trip times for which a queue must stand: as many as fit into this time, but more than a probe and its echo. */
  QUEUE_EPOCHS_MS: 500,
  QUEUE_EPOCHS_MIN: 3,
  QUEUE_EPOCHS_MAX: 5,
  /** They are counted as at least this: where the event loop is the path, its pauses are no queue. */
  QUEUE_EPOCH_MS_MIN: 5,
  /** After a time of few packets in flight, samples of as many still tell of it. */
  QUEUE_EPOCHS_SKIPPED: 2,
  /** Part of what was sent; more losses than that are those of a queue that overflows, bad paths have less. */
  OVERFLOW_PART: 0.08,
  /** Of the bandwidth of before, when a standing queue is found to be the path: it may have become longer, so measure. */
  COLLAPSED_PART: 0.6,
  /** Packets that each of several flows keeps in their queue, and as many more for each such part of its round-trip time. */
  CONTENDED_PACKETS: 6,
  CONTENDED_PACKETS_MS: 25,
  /** Round trips that the greatest delivery rate is kept. */
  BANDWIDTH_ROUNDS: 10,
  /** A round trip is counted as at least this: on loopback ten of them would be shorter than one pause of the event loop. */
  ROUND_MS_MIN: 1,
} as const;

/** Bounds of UDPack's sessions, streams and datagrams (relay/udpack/session.ts and streams; docs/UDPACK.md section 8). */
export const UDPACK_STREAM_LIMITS = {
  /** First windows of all streams that are open or may be opened: 2,048 of the peer's, and 512 of this side's. */
  FIRST_WINDOWS_BYTES_MAX: 160 * 1024 * 1024,
  /** What windows may grow by, over all streams; with the above 256 MiB, a session's memory at the very most. */
  GROWN_BYTES_MAX: 96 * 1024 * 1024,
  /** A reader that reads everything, and takes half a window, within so many round trips gets a larger window. */
  GROWTH_ROUND_TRIPS: 3,
  /** The same on paths so short that the event loop is what takes time. */
  GROWTH_MS_MIN: 25,
  /** Windows below this grow four-fold, others two-fold: with 5 % loss growth must be ahead of the sender's slow start. */
  GROWTH_STEEP_BYTES: 1024 * 1024,
  /** What a stream of ours may begin with where the ones before it have earned it: 50 ms at 20 MB/s. */
  EARNED_WINDOW_BYTES_MAX: 1024 * 1024,
  /** Gaps in received streams, over all streams of a session; 1,250 are usual at 125 MB/s, 200 ms and 5 % loss. */
  GAPS_MAX: 4_096,
  /** Bytes sent and kept over all streams: a peer may leave out one acknowledgement and grant credit without end. */
  HELD_BYTES_MAX: 256 * 1024 * 1024,
  /** Session credit granted ahead, so that not every stream costs a frame. */
  CREDIT_SLACK_BYTES: 1024 * 1024,
  /** Streams that this side may have open: some 1 KB each before they carry anything. */
  OPENED_MAX: 16_384,
  /** Bytes of one stream that wait for their first packet: 1 ms at 250 MB/s. */
  UNSENT_BYTES_MAX: 256 * 1024,
  /** The same over all streams; beyond it each stream may still have the least. */
  UNSENT_SESSION_BYTES_MAX: 64 * 1024 * 1024,
  UNSENT_BYTES_MIN: 16 * 1024,
  /** What a stream sends before it is the next one's turn. */
  TURN_BYTES: 16 * 1024,
  /** Datagrams that wait for the path; older ones are no longer worth sending. */
  DATAGRAMS_WAITING_BYTES_MAX: 256 * 1024,
  DATAGRAMS_WAITING_MS: 100,
  /** The same as a count: empty ones take memory, too. */
  DATAGRAMS_WAITING_MAX: 1_024,
  /** One datagram: what UDP can carry. */
  DATAGRAM_BYTES_MAX: 65_507,
  /** Datagrams of which fragments are missing, and how long they are waited for. */
  REASSEMBLIES_MAX: 64,
  REASSEMBLY_MS: 2_000,
  /** Path challenges that wait for their answer; older ones are forgotten. */
  PATH_RESPONSES_MAX: 4,
  /** Every so many packets that only acknowledge carry a PING. */
  ACKS_PER_PING: 20,
} as const;

/** Bounds of UDPack's handshake (relay/udpack/handshake, docs/UDPACK.md section 3). */
export const UDPACK_HANDSHAKE_LIMITS = {
  /** Initiations of any source taken without a cookie: each costs some 300 us, so a flood gets 6 % of a core. */
  UNPROVEN_PER_SECOND: 200,
  /** Initiations with a cookie, of all sources: 30 % of a core. */
  PROVEN_PER_SECOND: 1_000,
  /** The same of one IPv4 address or IPv6 /64, under load: one client repeats at most five times in its first second. */
  PROVEN_PER_NETWORK_PER_SECOND: 20,
  /** Networks counted for that. */
  NETWORKS_COUNTED_MAX: 4_096,
  /** Sessions that no data packet has confirmed: about 10 KB each. */
  UNCONFIRMED_MAX: 64,
  /** The same of one key: a client repeats its initiation that often within two of its own time-outs. */
  UNCONFIRMED_PER_KEY_MAX: 8,
  /** A client that answers later than this has begun anew long before. */
  UNCONFIRMED_MS: 30_000,
  /** Keys whose newest timestamp is kept: more than a configuration may name, over all its reloads. */
  TIMESTAMPS_MAX: 100_000,
  /** A secret for cookies is used this long, and accepted as long again. */
  COOKIE_SECRET_MS: 120_000,
  /** A client believes a cookie for as long as a server surely accepts it. */
  COOKIE_MS: 120_000,
  /** A response to an initiation that is older than this comes too late. */
  RESPONSE_WAIT_MS: 10_000,
  /** Initiations of one client that may still be answered: eight fit into that wait. */
  ATTEMPTS_MAX: 16,
  /** Waits between two initiations: the first, and the longest; they double. */
  RETRY_FIRST_MS: 250,
  RETRY_MAX_MS: 2_000,
  /** Resets of one server: an answer to packets of unknown sessions is a courtesy. */
  RESETS_PER_SECOND: 100,
} as const;

/** Bounds of UDPack's packet protection (relay/udpack/crypto, docs/UDPACK.md sections 2.1 and 4). */
export const UDPACK_KEY_LIMITS = {
  /** Packets sealed with one key; far below what ChaCha20-Poly1305 allows (RFC 9001 section 6.6). */
  PACKETS_PER_PHASE: 2 ** 30,
  /** Time that one key is used: what a stolen key opens is bounded. */
  PHASE_MS: 600_000,
  /** A receive key outlives its phase this long, for packets that were overtaken: longer than any path holds one back. */
  OLD_KEY_MS: 10_000,
  /** Packets that did not open until the session ends: the confidence in a 128-bit tag (RFC 9001 section 6.6). */
  FORGERIES_MAX: 2 ** 36,
  /** Packet numbers end here, so that they are exact in arithmetic and six bytes in an ACK. */
  NUMBERS_END: 2 ** 48,
  /** The last ones are kept for the CLOSE that says so. */
  NUMBERS_RESERVED: 1_024,
} as const;

/** Bounds of UDPack's datagram sockets (relay/udpack/engine). */
export const UDPACK_ENGINE_LIMITS = {
  /** Asked for in both directions: bursts of 64 packets lose 1 % with the usual 208 KiB. */
  SOCKET_BUFFER_BYTES: 4 * 1024 * 1024,
  /** The most that one send may carry: the largest UDP payload on IPv4. */
  BATCH_BYTES: 65_507,
  /** Datagrams that kernels cut one send into (UDP_MAX_SEGMENTS of Linux before 6.9). */
  SEGMENTS_MAX: 64,
  /** What waits for a full socket; more is dropped, as a router would. */
  BACKLOG_BYTES_MAX: 1024 * 1024,
  /** Wait for a batch over loopback: it takes a millisecond. */
  PROBE_MS: 500,
} as const;

/** Bounds of UDPack's sessions and streams at their sockets (relay/udpack/endpoint). */
export const UDPACK_ENDPOINT_LIMITS = {
  /** What a stream hands its reader ahead of being asked: one block of the session's memory and a half. */
  STREAM_READ_AHEAD_BYTES: 128 * 1024,
  /** What waits in a stream for the session to take it; the session holds more. */
  STREAM_WRITE_AHEAD_BYTES: 64 * 1024,
  /** What a WebSocket may hold unsent: more would only add delay. */
  WEBSOCKET_BACKLOG_BYTES: 256 * 1024,
  /** A datagram as a message (docs/UDPACK.md section 10). */
  WEBSOCKET_MESSAGE_BYTES_MAX: 65_535,
  /** Packets on a WebSocket: TCP cuts them to size, and large ones cost less. */
  WEBSOCKET_PACKET_BYTES: 16 * 1024,
  /** Wait for a WebSocket to open, and for its first session on the server. */
  WEBSOCKET_OPEN_MS: 10_000,
  /** How often a server looks for connections that keep it waiting. */
  WEBSOCKET_SWEEP_MS: 1_000,
  /** WebSockets on a server, with or without a session. */
  WEBSOCKETS_MAX: 1_024,
  /** The same of one IPv4 address or IPv6 /64: four strangers are needed to keep all others out. */
  WEBSOCKETS_PER_NETWORK_MAX: 256,
  /** Streams that wait for the peer's permission, or for a session, and how long (docs/UDPACK.md section 8.1). */
  STREAMS_WAITING_MAX: 1_024,
  STREAM_WAIT_MS: 5_000,
  /** Largest datagram that is taken: what a batch buffer and a read hold. */
  DATAGRAM_BYTES_MAX: 65_507,
  /** A PING goes out after so long without anything sent (docs/UDPACK.md section 9.3). */
  KEEP_ALIVE_MS: 15_000,
  /** A server that falls silent amid what it sends is asked whether it is there: longer than a hiccup of the path. */
  STALL_MS: 3_000,
  /** Own streams whose first credit is granted at once. */
  OWN_STREAMS_AHEAD: 16,
  /** Packets after which one number is left out, at most: a made-up ACK is noticed within a few thousand packets. */
  NUMBERS_PER_SKIP_MAX: 2_048,
  /** Batches that a session sends before it lets others read and send: 1 ms at 250 MB/s. */
  BATCHES_PER_TURN: 4,
  /** Another try to connect, from a fresh socket, starts this long after the one before. */
  ATTEMPT_INTERVAL_MS: 1_500,
  /** Tries under way at once; the oldest ends first. */
  ATTEMPTS_MAX: 3,
  /** UDP is tried alone for this long; then a WebSocket besides. */
  UDP_ALONE_MS: 1_500,
  /** While a WebSocket carries the session, UDP is tried this often. */
  UDP_RETRY_MS: 15_000,
  /** A server that does not answer is told of this often. */
  SILENCE_REPORT_INTERVAL_MS: 60_000,
  /** Sessions whose streams may end in their own time after another carrier was found; the oldest ends first. */
  DRAINING_MAX: 2,
  /** Sessions of one client key at a time: each of several processes, and an old one each. */
  SESSIONS_PER_CLIENT_MAX: 16,
  /** Sessions of one server in all: 10 KB each before they have streams. */
  SESSIONS_MAX: 4_096,
} as const;

/** Packets of the tunnel and of agents (shared/packet). */
export const PACKET_LIMITS = {
  /** One packet: what a stream may have to gather before it can be read. */
  PACKET_BYTES_MAX: 65_536,
  /** Memory that the mere claim of a packet's length takes; more follows as bytes come. */
  BODY_BYTES_AT_FIRST: 1_024,
} as const;

/** Bounds of what a slow reader is spared (relay/spool); sizes are [relay.spool]'s. */
export const SPOOL_LIMITS = {
  /** Most bytes of one read of a socket: what a decision to read may bring. */
  READ_BYTES_MAX: 64 * 1024,
  /** A reader that has taken nothing for this long has stopped; one that is only slower than its target never does. */
  BLOCKED_MS: 1_000,
  /** Failed files are reported this often at most: a full disk fails all of them. */
  REPORT_INTERVAL_MS: 10_000,
} as const;

/** Bounds of what rides UDPack (relay/tunnel, relay/inbound/udpack.ts, relay/outbound/udpack.ts). */
export const UDPACK_TUNNEL_LIMITS = {
  /** Sessions of one listener unless its configuration says otherwise: some hundred KB each. */
  SESSIONS_MAX: 1_000,
  /** What every path carries (RFC 9000 section 14), and the largest payload of a jumbo frame. */
  MTU_MIN: 1_200,
  MTU_MAX: 8_972,
  /** Streams that one client may have open: their first windows take half of a session's memory. */
  STREAMS_MAX: 2_048,
  /** Keys that are not listed are told of this often at most: whoever knows the server's key can name any. */
  STRANGER_REPORT_INTERVAL_MS: 10_000,
  /** A listener on a free port needs one that is free for UDP and for TCP. */
  FREE_PORT_TRIES_MAX: 5,
  /** Wait for the far end's answer: its own dial may take RELAY_LIMITS.CONNECT_TIMEOUT_MS, and a name to be resolved. */
  ANSWER_MS: 20_000,
} as const;

/** Bounds of what UDPack finds out about a path (relay/udpack/path; docs/UDPACK.md section 9). */
export const UDPACK_PATH_LIMITS = {
  /** Passes every path that IPv6 does; a path that takes less is none. */
  DATAGRAM_BYTES_MIN: 1_200,
  /** Largest UDP payload that Ethernet carries whole over IPv4 and IPv6. */
  DATAGRAM_BYTES_IPV4_MAX: 1_472,
  DATAGRAM_BYTES_IPV6_MAX: 1_452,
  /** Probes of one size that may be lost before it counts as too large (RFC 8899 section 5.1.2). */
  SIZE_PROBES: 3,
  /** Pause after a lost probe: a short outage must not cost all of them. */
  SIZE_PROBE_PAUSE_MS: 1_000,
  /** The search ends when this little is to be won. */
  SIZE_STEP_BYTES: 16,
  /** After this a search that ended below the ceiling begins anew (RFC 8899 section 5.1.1, PMTU_RAISE_TIMER). */
  SIZE_RAISE_MS: 600_000,
  /** Pause before the search begins anew after large packets were lost. */
  SIZE_FALLBACK_PAUSE_MS: 10_000,
  /** Large packets lost in a row after which the path takes small ones only. */
  SIZE_LOSSES_MAX: 3,
  /** What an unproven address gets, as a multiple of what came from it (RFC 9000 section 8.1). */
  UNPROVEN_FACTOR: 3,
  /** Challenges to a new address, a probe time-out apart, before the old one is used again. */
  CHALLENGES_MAX: 3,
  /** The same at least: three of them are the probe time-out of a path of which nothing is known (RFC 9000 section 8.2.4). */
  CHALLENGE_WAIT_MS_MIN: 333,
} as const;
