// The configuration over the API: read it masked, push a new one, list the kept versions, go back to one. The version is
// the ETag; a push with If-Match is refused when somebody else was quicker.

import * as v from "valibot";
import { maskDocument } from "../../shared/config/document.ts";
import { CausewayError } from "../../shared/errors.ts";
import { CONTROL_LIMITS } from "../../shared/limits.ts";
import { directory } from "../directory/client.ts";
import { errorResponse } from "../error-response.ts";
import { requireRole } from "./access.ts";
import { readJson } from "./body.ts";
import type { ControlExchange } from "./exchange.ts";
import { json } from "./reply.ts";

const RollbackSchema = v.strictObject({ version: v.pipe(v.number(), v.safeInteger(), v.minValue(1)) });

/** GET /api/config: the document as pushed, secrets masked. */
export async function readConfig(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const { version, document } = await directory(x.env).document();
  return json(x, { version, document: await maskDocument(document) }, { headers: etag(version) });
}

/** PUT /api/config: takes the document as JSON; answers the new version, or every problem at once. */
export async function writeConfig(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const ifVersion = expectedVersion(x.request);
  const raw = await readJson(x.request, CONTROL_LIMITS.CONFIG_BYTES_MAX);
  if (raw === undefined) throw new CausewayError("bad_request", "Cannot push: the request body is empty");
  const result = await directory(x.env).put(raw, ifVersion === undefined ? {} : { ifVersion });
  if (result.ok) return json(x, { version: result.version }, { headers: etag(result.version) });
  return errorResponse(new CausewayError("config_invalid"), {
    ...x,
    control: true,
    problems: result.problems,
  });
}

/** GET /api/config/versions: those that can be gone back to. */
export async function readVersions(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  return json(x, { versions: await directory(x.env).versions() });
}

/** POST /api/config/rollback: `{version}` becomes current again, as a new version. */
export async function activateVersion(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const body = v.safeParse(RollbackSchema, await readJson(x.request, CONTROL_LIMITS.BODY_BYTES_MAX));
  if (!body.success)
    throw new CausewayError("bad_request", 'Cannot roll back: the body must be {"version": NUMBER}');
  const { version } = await directory(x.env).rollback(body.output.version);
  return json(x, { version }, { headers: etag(version) });
}

function etag(version: number): Record<string, string> {
  return { ETag: `"${version}"` };
}

/** The version named by If-Match; none for "*" and for an absent header. */
function expectedVersion(request: Request): number | undefined {
  const header = request.headers.get("if-match")?.trim();
  if (header === undefined || header === "*") return undefined;
  const version = /^"?(\d{1,15})"?$/.exec(header)?.[1];
  if (version === undefined)
    throw new CausewayError("bad_request", 'Cannot compare versions: If-Match must be a version, as in "7"');
  return Number(version);
}
