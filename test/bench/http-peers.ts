// The reverse proxies that `npm run bench:proxy` runs beside the product for the record, each with its own defaults apart from
// connections to the origin that are kept. Programs that are not installed are named as missing.

import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, isInstalled, startProgram } from "./children.ts";

interface HttpPeer {
  readonly start: (port: number, originPort: number) => Promise<Child>;
}

export type HttpPeerName = "nginx" | "caddy";

export const HTTP_PEERS: Readonly<Record<HttpPeerName, HttpPeer>> = {
  nginx: { start: nginx },
  caddy: { start: caddy },
};

const NAMES = Object.keys(HTTP_PEERS) as HttpPeerName[];

export function installedPeers(): HttpPeerName[] {
  return NAMES.filter(isInstalled);
}

export function missingPeers(): HttpPeerName[] {
  return NAMES.filter((name) => !isInstalled(name));
}

async function nginx(port: number, originPort: number): Promise<Child> {
  const directory = await mkdtemp(join(tmpdir(), "causeway-bench-"));
  const config = join(directory, "nginx.conf");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${directory}/${name};`)
    .join("\n");
  await writeFile(
    config,
    `daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
${temporary}
  upstream origin { server 127.0.0.1:${originPort}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      # Its worker may be another user, who cannot write to these folders.
      proxy_max_temp_file_size 0;
    }
  }
}
`,
  );
  return startProgram("nginx", ["-c", config, "-p", directory], port);
}

async function caddy(port: number, originPort: number): Promise<Child> {
  const args = ["reverse-proxy", "--from", `http://:${port}`, "--to", `127.0.0.1:${originPort}`];
  return startProgram("caddy", args, port);
}
