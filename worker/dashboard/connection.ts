// The connection to the stats WebSocket: opens it, notices when it falls silent, and comes back by itself.
// It knows nothing of what is shown.

import { RENEW_CLOSE, type Snapshot, type StatsMessage } from "../../shared/flow/snapshot.ts";
import { DASHBOARD_LIMITS } from "../../shared/limits.ts";

/** `connecting`: the first attempt; `live`: snapshots arrive; `lost`: they stopped and it is being tried again. */
export type LinkState = "connecting" | "live" | "lost";

interface ConnectionHandlers {
  message(message: StatsMessage): void;
  state(state: LinkState): void;
  /** The session is missing or over; the connection has stopped. */
  unauthorized(): void;
}

export class StatsConnection {
  readonly #handlers: ConnectionHandlers;
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #running = false;
  /** Counts starts and stops, so that an answer to an earlier attempt is ignored. */
  #life = 0;

  constructor(handlers: ConnectionHandlers) {
    this.#handlers = handlers;
    // A machine that wakes up or gets its network back should not sit out the back-off.
    window.addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#hurry();
    });
  }

  start(): void {
    this.stop();
    this.#running = true;
    this.#failures = 0;
    this.#handlers.state("connecting");
    void this.#attempt();
  }

  stop(): void {
    this.#life++;
    this.#running = false;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
  }

  async #attempt(): Promise<void> {
    const life = ++this.#life;
    const answer = await askForStats();
    if (life !== this.#life) return;
    if (answer === "unreachable") {
      this.#retry();
    } else if (answer === "unauthorized") {
      this.stop();
      this.#handlers.unauthorized();
    } else {
      this.#open(life);
      this.#handlers.message(answer);
    }
  }

  #open(life: number): void {
    const url = new URL("/api/stats/ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, "causeway.v1");
    this.#socket = socket;
    this.#watch();
    socket.addEventListener("message", (event) => {
      if (life !== this.#life) return;
      const message = parseMessage(event.data);
      if (!message) return;
      this.#watch();
      this.#handlers.message(message);
      if (message.type !== "snapshot") return;
      this.#failures = 0;
      this.#handlers.state("live");
    });
    socket.addEventListener("close", ({ code }) => {
      if (life !== this.#life) return;
      if (code !== RENEW_CLOSE) {
        this.#retry();
        return;
      }
      // Nothing is lost yet: the edge looks at the session again.
      this.#socket = undefined;
      this.#hurry();
    });
  }

  /** A peer that vanished without a FIN never closes the socket: only silence tells. */
  #watch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#retry(), DASHBOARD_LIMITS.SILENT_MS);
  }

  #retry(): void {
    this.#life++;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close(1000);
    if (!this.#running) return;
    this.#handlers.state("lost");
    this.#timer = setTimeout(() => void this.#attempt(), backOff(this.#failures++, Math.random()));
  }

  #hurry(): void {
    if (!this.#running || this.#socket) return;
    clearTimeout(this.#timer);
    void this.#attempt();
  }
}

/** Asks over HTTP, because a refused WebSocket does not tell a script whether the session or the edge is missing. */
async function askForStats(): Promise<Snapshot | "unauthorized" | "unreachable"> {
  try {
    const signal = AbortSignal.timeout(DASHBOARD_LIMITS.SILENT_MS);
    const response = await fetch("/api/stats", { signal, cache: "no-store" });
    if (response.status === 401 || response.status === 403) return "unauthorized";
    return response.ok ? ((await response.json()) as Snapshot) : "unreachable";
  } catch {
    return "unreachable";
  }
}

/** Milliseconds before the next attempt: doubling up to a bound, the upper half of it random (`random` in 0..1). */
export function backOff(failures: number, random: number): number {
  const span = Math.min(
    DASHBOARD_LIMITS.RECONNECT_MAX_MS,
    DASHBOARD_LIMITS.RECONNECT_FIRST_MS * 2 ** failures,
  );
  return (span * (1 + random)) / 2;
}

/** The message, or undefined for text that is none: a newer edge may send types this page does not know. */
function parseMessage(data: unknown): StatsMessage | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const message = JSON.parse(data) as StatsMessage | null;
    return message?.type === "snapshot" || message?.type === "connections" ? message : undefined;
  } catch {
    return undefined;
  }
}
