// nginx as a cache in front of the same origin, for `npm run bench:hls`: one worker, bodies kept on disk and thus in the page
// cache, and collapsed fetches, which is how HLS is commonly cached. Other caches are named where they are missing.

import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, isInstalled, startProgram } from "./children.ts";

/** Caches that people put before HLS origins; only nginx is set up here. */
const CACHES = ["nginx", "varnishd", "squid", "traffic_server"] as const;

export function missingCaches(): string[] {
  return CACHES.filter((name) => !isInstalled(name));
}

export const HAS_NGINX = isInstalled("nginx");

export async function startCachingNginx(port: number, originPort: number): Promise<Child> {
  const directory = await mkdtemp(join(tmpdir(), "causeway-bench-"));
  const config = join(directory, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${directory}/${name};`)
    .join("\n");
  // Its worker has the rights of whoever runs the benchmark: another user could not write to the folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  await writeFile(
    config,
    `daemon off;
${user}
worker_processes 1;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
${temporary}
  proxy_cache_path ${directory}/cache keys_zone=hls:10m max_size=1g;
  upstream origin { server 127.0.0.1:${originPort}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache hls;
      proxy_cache_valid 200 10m;
      proxy_cache_lock on;
    }
  }
}
`,
  );
  return startProgram("nginx", ["-c", config, "-p", directory], port);
}
