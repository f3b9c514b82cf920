// Sends a configuration to an edge: secrets are resolved and sealed here, on the operator's machine. Prints nothing.

import { type RawDocument, toEdgeDocument } from "../shared/config/document.ts";
import type { Problem } from "../shared/config/problem.ts";
import { createSecretBox, tokenVerifier } from "../shared/config/secrets.ts";
import { fetchFailure } from "./fetch-failure.ts";
import { hashPassword } from "./password.ts";

/** Storing 10,000 channels takes the edge a few seconds. */
const PUSH_TIMEOUT_MS = 60_000;

export interface EdgeDocumentSecrets {
  /** 32 bytes in base64url, the same as the edge's ROOT_KEY. */
  readonly rootKey: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The document as it is sent: no [relay], tokens as verifiers, passwords as hashes, other secrets sealed. */
export type PreparedDocument =
  | { readonly ok: true; readonly document: RawDocument }
  | { readonly ok: false; readonly problems: Problem[] };

/**
 * Prepares a file that `readConfigFile` accepted.
 * @throws RangeError when the root key is needed but absent or malformed
 */
export async function prepareDocument(
  raw: RawDocument,
  { rootKey, env }: EdgeDocumentSecrets,
): Promise<PreparedDocument> {
  const box = rootKey === undefined ? undefined : await createSecretBox(rootKey);
  return toEdgeDocument(raw, {
    resolveEnv: (name) => env[name],
    tokenVerifier,
    hashPassword: async (password, place) => hashPassword(password, await box?.salt(place)),
    async sealSecret(text) {
      if (box === undefined) throw new RangeError("Cannot seal the file's secrets: no root key is given");
      return box.seal(text);
    },
  });
}

export type PushResult =
  | { readonly ok: true; readonly version: number }
  | { readonly ok: false; readonly message: string; readonly problems: Problem[] };

/** Where to push and with what right. */
export interface PushTarget {
  /** The edge's control host, as in "http://127.0.0.1:8787". */
  readonly edge: string;
  readonly adminToken: string;
  /** Push only onto this version. */
  readonly ifVersion?: number;
  readonly signal?: AbortSignal;
}

/** Pushes a prepared document. An edge that cannot be reached, or refuses, comes back as a message for people. */
export async function pushDocument(document: RawDocument, target: PushTarget): Promise<PushResult> {
  const timeout = AbortSignal.timeout(PUSH_TIMEOUT_MS);
  const headers = new Headers({
    Authorization: `Bearer ${target.adminToken}`,
    "Content-Type": "application/json",
  });
  if (target.ifVersion !== undefined) headers.set("If-Match", `"${target.ifVersion}"`);
  try {
    const response = await fetch(new URL("/api/config", target.edge), {
      method: "PUT",
      headers,
      body: JSON.stringify(document),
      redirect: "error",
      signal: target.signal === undefined ? timeout : AbortSignal.any([timeout, target.signal]),
    });
    return readReply(response.status, await response.text(), target.edge);
  } catch (error) {
    return {
      ok: false,
      message: `Cannot reach the edge at ${target.edge}: ${fetchFailure(error)}`,
      problems: [],
    };
  }
}

function readReply(status: number, text: string, edge: string): PushResult {
  const body = parseJson(text);
  if (status === 200 && typeof body?.version === "number") return { ok: true, version: body.version };
  const error = body?.error;
  if (error?.code === undefined) {
    return {
      ok: false,
      message: `The edge at ${edge} answered ${status}: is it a control host?`,
      problems: [],
    };
  }
  const message = `The edge refused the configuration (${error.code}): ${error.message ?? ""}`;
  return { ok: false, message, problems: error.problems ?? [] };
}

interface Reply {
  readonly version?: number;
  readonly error?: { readonly code?: string; readonly message?: string; readonly problems?: Problem[] };
}

function parseJson(text: string): Reply | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
