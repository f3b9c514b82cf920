/// <reference path="./node-crypto.d.ts" />
// Sign-in at the edge: users of HTTP Basic and holders of bearer tokens. A client that keeps presenting what is wrong waits
// longer and longer, right or not, so that nothing is learned by trying. Authorization goes on to the upstream as it came,
// as with Caddy and Traefik; headers.request.remove keeps it back.

import { createHash } from "node:crypto";
import type { HostConfig } from "../../shared/config/schema.ts";
import { CausewayError } from "../../shared/errors.ts";
import { CONTROL_LIMITS, SIGN_IN_LIMITS as LIMITS } from "../../shared/limits.ts";
import { clientNetwork } from "../../shared/net/client-network.ts";
import { timingSafeEqual } from "../../shared/net/constant-time.ts";
import { SignInFailures } from "../../shared/net/sign-in-failures.ts";
import type { Gate } from "../proxy/call.ts";
import { type Credentials, readCredentials } from "./credentials.ts";
import { checkPassword, isRepeatedGuess } from "./passwords.ts";

/** Of this isolate and all its hosts: a guesser does not begin anew at the next one. */
const failures = new SignInFailures({
  free: LIMITS.FREE_FAILURES,
  waitMinMs: LIMITS.WAIT_MIN_MS,
  waitMaxMs: LIMITS.WAIT_MAX_MS,
  forgetMs: LIMITS.FORGET_MS,
  clientsMax: LIMITS.CLIENTS_MAX,
});

/** What a host lets in. */
interface Accounts {
  /** Stored hashes by user. */
  readonly users: ReadonlyMap<string, string>;
  /** The hash that unknown users are checked against; "": there are no users. */
  readonly decoy: string;
  readonly bearer: HostConfig["bearer"];
}

type Verdict = { readonly user: string } | "wrong" | "repeated" | "busy";

/** Lets in who signs in, and names the user; 401 for everybody else. */
export function signInRule(config: HostConfig): Gate | undefined {
  const { basic_auth: users, bearer, realm } = config;
  if (users.length + bearer.length === 0) return undefined;
  const [first] = users;
  const accounts = {
    users: new Map(users.map(({ user, password }) => [user, password])),
    decoy: first?.password ?? "",
    bearer,
  };
  const quoted = realm.replace(/["\\]/g, "\\$&");
  const basic = users.length > 0 ? [`Basic realm="${quoted}", charset="UTF-8"`] : [];
  const challenge = [...basic, ...(bearer.length > 0 ? [`Bearer realm="${quoted}"`] : [])].join(", ");
  return (call) => {
    const header = call.x.request.headers.get("authorization");
    const credentials = header === null ? undefined : readCredentials(header);
    if (!credentials) throw unsigned(challenge);
    const now = call.x.startedAt;
    const client = clientNetwork(call.clientIp);
    const waitMs = failures.waitMs(client, now);
    if (waitMs > 0) throw refusal("sign_in_limited", waitMs);
    const verdict = judge(credentials, accounts, now);
    if (verdict === "busy") throw refusal("sign_in_busy", CONTROL_LIMITS.RETRY_AFTER_S * 1_000);
    if (verdict === "wrong") failures.record(client, now);
    if (typeof verdict === "string") throw unsigned(challenge);
    call.user = verdict.user;
    return undefined;
  };
}

function judge(credentials: Credentials, { users, decoy, bearer }: Accounts, now: number): Verdict {
  if (credentials.scheme === "bearer") return judgeToken(credentials.token, bearer, now);
  if (decoy === "") return "repeated";
  const { user, password } = credentials;
  const verdict = checkPassword({ user, password, stored: users.get(user) }, decoy, now);
  return verdict === "right" ? { user } : verdict;
}

/** Looks at every token, so that the time taken does not tell which one matched. */
function judgeToken(token: string, bearer: HostConfig["bearer"], now: number): Verdict {
  const verifier = `sha256:${createHash("sha256").update(token).digest("hex")}`;
  let user: string | undefined;
  for (const entry of bearer) if (timingSafeEqual(entry.token, verifier)) user ??= entry.name;
  if (user !== undefined) return { user };
  return isRepeatedGuess(verifier, now) ? "repeated" : "wrong";
}

function unsigned(challenge: string): CausewayError {
  return new CausewayError("sign_in_required", undefined, { fields: { "WWW-Authenticate": challenge } });
}

function refusal(code: "sign_in_limited" | "sign_in_busy", waitMs: number): CausewayError {
  return new CausewayError(code, undefined, { fields: { "Retry-After": String(Math.ceil(waitMs / 1_000)) } });
}
