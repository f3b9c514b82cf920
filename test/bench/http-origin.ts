// The origin of the HTTP benchmarks: /bytes/N answers N bytes with Content-Length, as cheaply as Node can.

import { createServer } from "node:http";

const bodies = new Map<string, Buffer>();

createServer((request, reply) => {
  const length = request.url?.slice("/bytes/".length) ?? "0";
  let body = bodies.get(length);
  if (!body) {
    body = Buffer.alloc(Number.parseInt(length, 10) || 0, "causeway ");
    bodies.set(length, body);
  }
  reply.writeHead(200, { "content-type": "application/octet-stream", "content-length": body.length });
  reply.end(body);
}).listen(Number(process.argv[2]), "127.0.0.1");
