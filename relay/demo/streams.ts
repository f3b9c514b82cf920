// Replies of the demo origin that arrive bit by bit: server-sent events and a streamed answer.

import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { DEMO_LIMITS } from "../../shared/limits.ts";
import { answerText } from "./inspect.ts";

const EVENT_INTERVAL_MS = 200;
const WORD_INTERVAL_MS = 30;

/** `/sse?count=N`: one event each 200 ms, N of them or until the client leaves. */
export async function answerEvents(response: ServerResponse, count: number): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  for (let id = 1; id <= count && !response.destroyed; id++) {
    response.write(`id: ${id}\nevent: tick\ndata: ${JSON.stringify({ id })}\n\n`);
    if (id < count) await delay(EVENT_INTERVAL_MS);
  }
  response.end();
}

/** `/answer`: POST {question}; the answer comes as text, word by word. */
export async function answerQuestion(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const question = parseQuestion(await readBody(request, DEMO_LIMITS.QUESTION_BYTES));
  if (question === undefined) {
    answerText(response, 400, 'Expected JSON of at most 64 KiB as in {"question": "Why?"}\n');
    return;
  }
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" });
  for (const word of answerTo(question).split(/(?<= )/)) {
    if (response.destroyed) return;
    response.write(word);
    await delay(WORD_INTERVAL_MS);
  }
  response.end("\n");
}

function answerTo(question: string): string {
  return (
    `You asked: ${question.trim()} — this demo origin knows nothing, but it streams: ` +
    `the question has ${question.length} characters and the answer came word by word, ` +
    "so that whatever carries it must pass each piece on at once."
  );
}

/** The body as text; undefined when it is longer than `bytesMax`. */
async function readBody(request: IncomingMessage, bytesMax: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= bytesMax) chunks.push(chunk);
  }
  return bytes > bytesMax ? undefined : Buffer.concat(chunks).toString("utf8");
}

function parseQuestion(body: string | undefined): string | undefined {
  try {
    const value: unknown = JSON.parse(body ?? "");
    if (typeof value !== "object" || value === null || !("question" in value)) return undefined;
    return typeof value.question === "string" ? value.question : undefined;
  } catch {
    return undefined;
  }
}
