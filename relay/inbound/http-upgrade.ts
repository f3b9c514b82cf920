// A request that asks for another protocol (RFC 9110 section 7.8), as WebSockets do: the handshake goes to the origin, and
// once the origin switches, both sockets are one pipe whose bytes nobody looks at. An origin that does not switch answers as
// to any request. Which fields pass and how failures are told is the caller's.

import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { CausewayError, type ErrorCode } from "../../shared/errors.ts";
import type { Flow } from "../../shared/flow/flow.ts";
import { breakOff } from "../break-off.ts";
import { MeteredBody } from "../limits/metered-body.ts";
import { dismiss, type Place } from "./connections.ts";
import { EarlyData } from "./early-data.ts";
import { type ErrorAnswer, rawAnswer } from "./http-error.ts";
import { failureCode, writeReplyHead } from "./http-exchange.ts";
import { headBytes } from "./http-fields.ts";
import type { SessionHost, Wish } from "./session.ts";

/** The client's end of an upgrade. */
export interface Upgrade {
  readonly req: IncomingMessage;
  readonly socket: Socket;
  /** Bytes that came behind the request. */
  readonly head: Buffer;
  readonly place: Place;
}

/** How an upgrade is carried. */
export interface UpgradeCarrier {
  /** A connection to the origin, of its own. */
  dial(signal: AbortSignal): Promise<Socket>;
  /** Path and query, byte for byte. */
  readonly path: string;
  /** Names and values in turn, with `Host`, without those of the upgrade. */
  readonly requestFields: readonly string[];
  /** The protocols to ask for. */
  readonly protocols: string;
  readonly headBytesMax: number;
  /** What passes of a reply's fields. */
  replyFields(raw: readonly string[]): string[];
  /** The answer to a request that was not met. */
  refusal(code: ErrorCode): ErrorAnswer;
}

/** What the origin made of the handshake. */
type Outcome =
  | { readonly type: "switched"; readonly reply: IncomingMessage; readonly socket: Socket }
  | { readonly type: "answered"; readonly reply: IncomingMessage };

/** Carries one upgrade to its end, or answers why not. Never rejects. */
export async function passUpgrade(
  host: SessionHost,
  wish: Wish,
  upgrade: Upgrade,
  carrier: UpgradeCarrier,
): Promise<void> {
  const { req, socket, head, place } = upgrade;
  const early = new EarlyData(socket, head);
  let outcome: Outcome;
  const tab = host.deps.limits.meterOf(place);
  try {
    const headSize = headBytes(`${req.method} ${carrier.path} HTTP/1.1`, carrier.requestFields);
    if (tab?.charge(headSize) === false) throw new CausewayError("traffic_exceeded");
    const dialled = await carrier.dial(place.signal);
    outcome = await shake(dialled, req.method ?? "GET", carrier, {
      signal: place.signal,
      timeoutMs: host.deps.idleTimeoutMs,
    });
  } catch (error) {
    early.take();
    if (!place.signal.aborted) {
      host.reportFailure(error, wish);
      host.refuse(wish, failureCode(error));
    }
    refuse(socket, carrier.refusal(failureCode(error)));
    return;
  }
  const sent = early.take();
  const { statusCode, statusMessage, rawHeaders } = outcome.reply;
  // Who cannot pay is being ended, and what follows ends with it.
  tab?.charge(headBytes(`HTTP/1.1 ${statusCode} ${statusMessage}`, carrier.replyFields(rawHeaders)));
  if (outcome.type === "switched") {
    socket.write(switchingHead(outcome.reply, carrier), "latin1");
    await host.carry(socket, outcome.socket, { wish, head: sent, place });
  } else {
    await answer(host, host.open(wish), outcome.reply, { upgrade, carrier });
  }
}

/** Answers with a refusal of this proxy's own, and ends. */
export function refuse(socket: Socket, refusal: ErrorAnswer): void {
  if (socket.destroyed) return;
  socket.end(rawAnswer(refusal));
  dismiss(socket);
}

interface ShakeOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Sends the handshake over `dialled` and waits for the origin's answer. */
function shake(
  dialled: Socket,
  method: string,
  { path, requestFields, protocols, headBytesMax }: UpgradeCarrier,
  { signal, timeoutMs }: ShakeOptions,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const outgoing: ClientRequest = request({
      createConnection: () => dialled,
      method,
      path,
      headers: [...requestFields, "Connection", "Upgrade", "Upgrade", protocols],
      setHost: false,
      maxHeaderSize: headBytesMax,
      signal,
    });
    const timer = setTimeout(() => outgoing.destroy(new CausewayError("upstream_timeout")), timeoutMs);
    const settled = (): void => clearTimeout(timer);
    // A dialled socket comes paused, and the parser does not resume what it did not pause.
    outgoing.once("socket", (socket) => void socket.resume());
    outgoing.once("upgrade", (reply, socket, first) => {
      settled();
      socket.pause();
      if (first.length > 0) socket.unshift(first);
      resolve({ type: "switched", reply, socket: socket as Socket });
    });
    outgoing.once("response", (reply) => {
      settled();
      if ((reply.statusCode ?? 0) < 200) {
        // A switch to nothing, or no status at all.
        dialled.destroy();
        reject(new CausewayError("upstream_invalid"));
        return;
      }
      // The parser would take a reset for the end of a reply that names no length.
      outgoing.on("error", (error) => reply.destroy(error));
      resolve({ type: "answered", reply });
    });
    outgoing.on("error", (error) => {
      settled();
      dialled.destroy();
      reject(error);
    });
    outgoing.end();
  });
}

/** The head of the origin's 101 for the client. */
function switchingHead(reply: IncomingMessage, { protocols, replyFields }: UpgradeCarrier): string {
  const { statusMessage, headers, rawHeaders } = reply;
  const upgraded = ["Connection", "Upgrade", "Upgrade", headers.upgrade ?? protocols];
  const fields = [...replyFields(rawHeaders), ...upgraded];
  const lines = [`HTTP/1.1 101 ${statusMessage ?? ""}`];
  for (let index = 0; index + 1 < fields.length; index += 2)
    lines.push(`${fields[index]}: ${fields[index + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

interface Parties {
  readonly upgrade: Upgrade;
  readonly carrier: UpgradeCarrier;
}

/** Passes on an answer other than 101; the connection ends with it, as no parser serves it any more. */
async function answer(
  host: SessionHost,
  flow: Flow,
  reply: IncomingMessage,
  { upgrade: { req, socket, place }, carrier }: Parties,
): Promise<void> {
  const res = new ServerResponse(req);
  res.assignSocket(socket);
  res.shouldKeepAlive = false;
  res.sendDate = false;
  const gone = new AbortController();
  socket.once("close", () => gone.abort());
  flow.onCut = () => breakOff(socket);
  const { limits } = host.deps;
  const tab = limits.meterOf(place);
  const meter = tab && new MeteredBody(tab, "down");
  socket.once("close", () => meter?.leave());
  let isHeld = false;
  let isIdle = false;
  // No server watches this socket any more: an origin or a client that stalls would hold both for good.
  socket.setTimeout(host.deps.idleTimeoutMs, () => {
    isIdle = !isHeld;
    if (isIdle) breakOff(socket);
    else socket.setTimeout(host.deps.idleTimeoutMs);
  });
  socket.resume();
  try {
    const fields = carrier.replyFields(reply.rawHeaders);
    writeReplyHead(res, reply.statusCode ?? 502, reply.statusMessage ?? "", fields);
    for await (const chunk of reply) {
      isHeld = true;
      if (meter) await meter.pass((chunk as Buffer).length);
      isHeld = false;
      flow.down += (chunk as Buffer).length;
      if (!res.write(chunk)) await once(res, "drain", { signal: gone.signal });
    }
    res.end();
    await once(res, "finish", { signal: gone.signal });
    res.detachSocket(socket);
    socket.end();
    dismiss(socket);
    host.close(flow, "done");
  } catch {
    const isEnded = flow.cut || limits.wasEnded(place);
    const reason = gone.signal.aborted ? "aborted" : "failed";
    host.close(flow, isEnded ? "closed" : isIdle ? "idle" : reason);
    breakOff(socket);
  } finally {
    meter?.leave();
    reply.destroy();
  }
}
