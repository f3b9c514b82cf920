// Reads a JSON request body of bounded size.

import { CausewayError } from "../../shared/errors.ts";

/**
 * The parsed body; undefined when it is empty. Its length is bounded while it arrives, whatever Content-Length says.
 * @throws CausewayError `request_too_large`, `bad_request`
 */
export async function readJson(request: Request, bytesMax: number): Promise<unknown> {
  const text = await readText(request, bytesMax);
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new CausewayError("bad_request", "Cannot read the request body: it is not JSON");
  }
}

async function readText(request: Request, bytesMax: number): Promise<string> {
  const announced = Number(request.headers.get("content-length") ?? "0");
  if (announced > bytesMax) throw new CausewayError("request_too_large");
  if (!request.body) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  const reader = request.body.getReader();
  let received = 0;
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    received += value?.byteLength ?? 0;
    if (received > bytesMax) {
      await reader.cancel().catch(() => undefined);
      throw new CausewayError("request_too_large");
    }
    try {
      text += decoder.decode(value, { stream: !done });
    } catch {
      throw new CausewayError("bad_request", "Cannot read the request body: it is not UTF-8");
    }
    if (done) return text;
  }
}
