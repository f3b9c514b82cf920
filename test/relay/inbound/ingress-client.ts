// What the ingress's tests share: a relay with an ingress, a client that signs like the edge, origins of few lines.

import { once } from "node:events";
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
} from "node:http";
import type { AddressInfo } from "node:net";
import { text as readText } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { importIngressKey, signedFields } from "../../../shared/ingress/signature.ts";
import { type RelayOverrides, type RunningRelay, startRelay } from "../harness.ts";

export const INGRESS_KEY = "a-key-of-the-ingress-of-tests";
const key = await importIngressKey(INGRESS_KEY);

/** A relay whose only inbound is an ingress. */
export function startIngress(overrides: RelayOverrides = {}): Promise<RunningRelay> {
  return startRelay({ ...overrides, inbound: { kind: "ingress", key: INGRESS_KEY, ...overrides.inbound } });
}

/** An HTTP origin that ends with the test; resolves to its URL without a final slash. */
export async function startOrigin(onRequest: RequestListener, host = "127.0.0.1"): Promise<string> {
  const server = createServer(onRequest).listen(0, host);
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The fields by which the edge names and signs a target. */
export function signedFor(target: string, method = "GET"): Promise<Record<string, string>> {
  return signedFields(key, method, target, Date.now());
}

/** A signed request whose body is still to be written. */
export async function openRequest(port: number, target: string, asked: Asked = {}): Promise<ClientRequest> {
  const { method = "GET" } = asked;
  const headers = { ...(await signedFor(target, method)), ...asked.headers };
  const outgoing = request({ host: "127.0.0.1", port, method, headers, agent: false });
  outgoing.on("error", () => undefined);
  onTestFinished(() => void outgoing.destroy());
  return outgoing;
}

/** The head of the reply to a request whose body has been written. */
export async function replyTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  const [reply] = (await once(outgoing, "response")) as [IncomingMessage];
  reply.on("error", () => undefined);
  return reply;
}

export interface Reply {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A whole signed request. */
export async function ask(port: number, target: string, asked: Asked = {}, body = ""): Promise<Reply> {
  const outgoing = await openRequest(port, target, asked);
  outgoing.end(body);
  const reply = await replyTo(outgoing);
  return { status: reply.statusCode, headers: reply.headers, body: await readText(reply) };
}

/** The code of a refusal, from field and body alike. */
export function refusalOf({ headers, body }: Reply): string {
  const field = String(headers["x-causeway-relay-error"]);
  const { error } = JSON.parse(body) as { error: { code: string } };
  return field === error.code ? field : `${field} beside ${error.code}`;
}
