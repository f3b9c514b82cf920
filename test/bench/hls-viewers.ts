// Viewers of one live channel, as players behave: each reloads the playlist every half target duration and fetches each new
// segment once. Sockets are kept; all run in one process.

import { Agent, get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

export interface Audience {
  readonly playlists: number;
  readonly segments: number;
  readonly bytes: number;
  readonly failures: number;
}

interface Counts {
  playlists: number;
  segments: number;
  bytes: number;
  failures: number;
}

/** `viewers` watch the playlist at `url` for `seconds`. */
export async function watchLive(
  url: string,
  { viewers, seconds, reloadMs }: { viewers: number; seconds: number; reloadMs: number },
): Promise<Audience> {
  const agent = new Agent({ keepAlive: true, maxSockets: viewers });
  const counts: Counts = { playlists: 0, segments: 0, bytes: 0, failures: 0 };
  const until = Date.now() + seconds * 1_000;
  await Promise.all(
    Array.from({ length: viewers }, async (_, n) => {
      // They came at different times.
      await delay((n * reloadMs) / viewers);
      await watch(url, { agent, counts, until, reloadMs });
    }),
  );
  agent.destroy();
  return counts;
}

async function watch(
  url: string,
  { agent, counts, until, reloadMs }: { agent: Agent; counts: Counts; until: number; reloadMs: number },
): Promise<void> {
  const seen = new Set<string>();
  while (Date.now() < until) {
    const next = Date.now() + reloadMs;
    try {
      const playlist = (await load(url, agent)).toString();
      counts.playlists++;
      const names = playlist.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      for (const name of names.slice(-3)) {
        if (seen.has(name)) continue;
        seen.add(name);
        const body = await load(new URL(name, url).href, agent);
        counts.segments++;
        counts.bytes += body.byteLength;
      }
    } catch {
      counts.failures++;
    }
    await delay(Math.max(0, next - Date.now()));
  }
}

function load(url: string, agent: Agent): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (reply) => {
      const pieces: Buffer[] = [];
      reply.on("data", (piece: Buffer) => pieces.push(piece));
      reply.on("error", reject);
      reply.on("end", () => {
        if (reply.statusCode === 200) resolve(Buffer.concat(pieces));
        else reject(new Error(`Got status ${reply.statusCode}`));
      });
    }).on("error", reject);
  });
}
