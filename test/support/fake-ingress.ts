// A relay's ingress as the edge sees it: checks the signature of each request and carries it to its target, or refuses it
// with a code. The real one is the relay's; this one can be told what to do.

import { once } from "node:events";
import { createServer, type IncomingMessage, request as sendRequest } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { INGRESS_FIELDS, importIngressKey, verifyTarget } from "../../shared/ingress/signature.ts";

export interface FakeIngress {
  readonly url: string;
  /** Targets of requests whose signature held. */
  readonly targets: string[];
  /** The code with which requests are refused; "": none is. */
  refusal: string;
  stop(): Promise<void>;
}

export async function startFakeIngress(secret: string): Promise<FakeIngress> {
  const key = await importIngressKey(secret);
  const server = createServer();
  // Those of WebSockets are no longer the server's to close.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket.on("error", () => undefined).on("close", () => sockets.delete(socket)));
  });
  const ingress: FakeIngress & { url: string } = {
    url: "",
    targets: [],
    refusal: "",
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  async function targetOf(request: IncomingMessage): Promise<URL | undefined> {
    const { method = "", headers } = request;
    const target = String(headers[INGRESS_FIELDS.TARGET]);
    const signature = String(headers[INGRESS_FIELDS.SIGNATURE]);
    const check = await verifyTarget(key, { method, target, signature }, Date.now());
    if (check.ok) ingress.targets.push(target);
    return check.ok ? new URL(target) : undefined;
  }
  function forward(request: IncomingMessage, target: URL) {
    const { method, headers } = request;
    return sendRequest(target, { method: method ?? "GET", headers: { ...headers, host: target.host } });
  }
  server.on("request", async (request, response) => {
    const target = await targetOf(request);
    const code = target ? ingress.refusal : "unauthorized";
    if (!target || code !== "") {
      response.writeHead(502, { [INGRESS_FIELDS.ERROR]: code }).end("{}");
      return;
    }
    const outgoing = request.pipe(forward(request, target));
    outgoing.on("response", (reply) => reply.pipe(response.writeHead(reply.statusCode ?? 0, reply.headers)));
    outgoing.on("error", () =>
      response.writeHead(502, { [INGRESS_FIELDS.ERROR]: "connection_refused" }).end("{}"),
    );
  });
  server.on("upgrade", async (request, socket: Socket) => {
    const target = await targetOf(request);
    if (!target) {
      socket.destroy();
      return;
    }
    const outgoing = forward(request, target);
    outgoing.on("upgrade", (reply, upstream: Socket, head: Buffer) => {
      const fields = Object.entries(reply.headers).map(([name, value]) => `${name}: ${value}`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.join("\r\n")}\r\n\r\n`);
      socket.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    outgoing.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ingress.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return ingress;
}
