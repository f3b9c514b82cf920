// Imported lists and guides over the API: the state of each, and refreshing one now. Addresses and headers of providers are
// secrets and not shown.

import { CausewayError } from "../../shared/errors.ts";
import { nameOf, type SourceState } from "../lists/source-state.ts";
import { requireRole } from "./access.ts";
import type { ControlExchange } from "./exchange.ts";
import { json } from "./reply.ts";

/** GET /api/imports: every list and guide in the configuration's order, and the merged guide. */
export async function imports(x: ControlExchange): Promise<Response> {
  await requireRole(x, "viewer");
  const { sources, guide } = await ask(() => x.env.IMPORTS.getByName("root").list());
  return json(x, { imports: sources.map(shown), guide: { ...guide, gen: undefined, pieces: undefined } });
}

/** POST /api/imports/NAME/refresh: 202, the refresh then runs by itself. */
export async function refreshImport(x: ControlExchange): Promise<Response> {
  await requireRole(x, "operator");
  const name = /^\/api\/imports\/([^/]+)\/refresh$/.exec(x.url.pathname)?.[1] ?? "";
  const isKnown = await ask(() => x.env.IMPORTS.getByName("root").refresh(name));
  if (!isKnown) throw new CausewayError("import_unknown");
  return json(x, { name, refreshing: true }, { status: 202 });
}

const KINDS: Readonly<Record<string, string>> = { list: "list", epg: "import_guide", guide: "guide" };

function shown(state: SourceState) {
  const { key, every, next_at, tried_at, refreshed_at, changed_at, failures, error, count, skipped } = state;
  return {
    name: nameOf(key),
    kind: KINDS[key.slice(0, key.indexOf(":"))],
    every_ms: every,
    next_at,
    tried_at,
    refreshed_at,
    changed_at,
    failures,
    error,
    count,
    skipped,
    malformed: state.malformed,
    bytes: state.bytes,
  };
}

async function ask<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw new CausewayError("object_unreachable", undefined, { cause });
  }
}
