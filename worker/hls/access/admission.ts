// Who may watch a channel: takes the token off the path, judges it, and finds a place where places are bounded. What a
// channel does not use costs it nothing: one without token and limit never comes here.

import type { ChannelConfig } from "../../../shared/config/schema.ts";
import { CausewayError, type ErrorCode } from "../../../shared/errors.ts";
import { VIEWER_LIMITS } from "../../../shared/limits.ts";
import { clientNetwork } from "../../../shared/net/client-network.ts";
import { shortName } from "../../../shared/net/hash.ts";
import { splitToken } from "../../../shared/viewers/address.ts";
import { networkGroup } from "../../../shared/viewers/session-table.ts";
import type { TokenClaims } from "../../../shared/viewers/token.ts";
import type { Exchange } from "../../exchange.ts";
import { audiences, type EntryVerdict, type SeatRequest } from "./audience.ts";
import { keyRing } from "./keys.ts";
import { type Subscriber, subscriberByName } from "./subscribers.ts";
import { type Place, Viewing } from "./viewing.ts";

/** A request that was let in. */
export interface Admitted {
  /** The path behind /proxy/ch_X/ without the token. */
  readonly rest: string;
  /** Present where somebody keeps book of who watches. */
  readonly viewing?: Viewing;
}

/** Whether `admit` has anything to say about a path of this channel. */
export function isGuarded(channel: ChannelConfig, rest: string): boolean {
  return channel.access === "token" || channel.max_viewers > 0 || rest.startsWith("t.");
}

/**
 * Lets a request in.
 * @throws CausewayError `token_required`, `token_invalid`, `token_expired`, `token_ip`, `token_in_use`, `user_expired`,
 * `viewer_limit`, `viewers_exceeded`, `secrets_missing`, `object_unreachable`
 */
export async function admit(x: Exchange, channel: ChannelConfig, path: string): Promise<Admitted> {
  const { token, rest } = splitToken(path) ?? { token: undefined, rest: path };
  // Whoever has the address of a channel that was opened to all may go on using it.
  if (channel.access === "public") return { rest, ...(await admitAnybody(x, channel)) };
  if (token === undefined) throw new CausewayError("token_required");
  const claims = await (await keyRing(x.config, x.env)).verify(token);
  if (claims?.channel !== channel.id) throw new CausewayError("token_invalid");
  const subscriber = assertGood(x, channel, claims);
  const places = placesOf(x, channel, { token, claims, subscriber });
  for (const place of places)
    assertIn(await audiences.of(place.object).enter(x, place.seat, place.limit), place);
  return { rest, viewing: new Viewing(places, { channel, claims }, x.startedAt) };
}

async function admitAnybody(x: Exchange, channel: ChannelConfig): Promise<{ viewing?: Viewing }> {
  if (channel.max_viewers === 0) return {};
  const group = networkGroup(clientNetwork(x.clientIp));
  const seat = { id: clientOf(x), client: "", group, group_max: 0, expired: false };
  const place: Place = { object: channel.id, seat, limit: channel.max_viewers };
  assertIn(await audiences.of(place.object).enter(x, seat, place.limit), place);
  return { viewing: new Viewing([place], { channel, claims: undefined }, x.startedAt) };
}

/** What the token says must hold for this client, and its subscriber must still be one. */
function assertGood(x: Exchange, channel: ChannelConfig, claims: TokenClaims): Subscriber | undefined {
  if (claims.network !== undefined && claims.network !== clientNetwork(x.clientIp))
    throw new CausewayError("token_ip");
  if (claims.viewer === undefined) return undefined;
  const subscriber = subscriberByName(x.config, claims.viewer.name);
  if (subscriber?.fingerprint !== claims.viewer.fingerprint || !subscriber.mayWatch(channel))
    throw new CausewayError("token_invalid");
  if (subscriber.isOver(x.startedAt)) throw new CausewayError("user_expired");
  if (!subscriber.mayComeFrom(x.clientIp)) throw new CausewayError("token_ip");
  return subscriber;
}

interface Genuine {
  readonly token: string;
  readonly claims: TokenClaims;
  readonly subscriber: Subscriber | undefined;
}

/**
 * The subscriber's place first: whoever has none must not hold one of the channel's. With an expired token the channel's,
 * whose object knows who is watching: an old address must take no place of a subscriber. Of a subscriber each client counts
 * once, whatever it watches, so that changing channels needs no second place.
 */
function placesOf(x: Exchange, channel: ChannelConfig, { token, claims, subscriber }: Genuine): Place[] {
  const { session, places = 0 } = claims;
  const client = clientOf(x);
  const expired = claims.expiresAt <= x.startedAt;
  const tokenName = token.slice(-16);
  const network = clientNetwork(x.clientIp);
  const owner = claims.viewer ? `v.${claims.viewer.name}` : `t.${tokenName}`;
  const seat: SeatRequest = {
    id: session === undefined ? `${owner} ${client}` : `s.${claims.viewer?.name ?? ""}.${session}`,
    client: session === undefined ? "" : network,
    group: places > 0 ? `t.${tokenName}` : session === undefined ? networkGroup(network) : "",
    group_max: places,
    expired,
  };
  const own: Place = { object: channel.id, seat, limit: channel.max_viewers };
  const limit = subscriber?.config.max_connections ?? 0;
  if (limit === 0) return [own];
  const id = session === undefined ? client : `s.${session}`;
  const bySubscription = { id, client: "", group: "", group_max: 0, expired: false };
  const subscribed: Place = { object: `viewer/${claims.viewer?.name}`, seat: bySubscription, limit };
  return expired ? [own, subscribed] : [subscribed, own];
}

/** One client: what one party has of the address space, and the program it uses. */
function clientOf(x: Exchange): string {
  return `${clientNetwork(x.clientIp)} ${shortName(x.request.headers.get("user-agent") ?? "")}`;
}

const REFUSALS: Readonly<Record<Exclude<EntryVerdict, "in" | "unknown" | "full">, ErrorCode>> = {
  group_full: "viewer_limit",
  over: "token_expired",
  taken: "token_in_use",
};

function assertIn(verdict: EntryVerdict, { object, seat }: Place): void {
  if (verdict === "in") return;
  if (verdict === "unknown") {
    // Whether a session is under way only the object knows; its limits are not held against anybody meanwhile.
    if (seat.expired) throw new CausewayError("object_unreachable");
    return;
  }
  const isFull = verdict === "full";
  const code = isFull
    ? object.startsWith("viewer/")
      ? "viewer_limit"
      : "viewers_exceeded"
    : REFUSALS[verdict];
  const fields = { "Retry-After": String(VIEWER_LIMITS.RETRY_AFTER_S) };
  throw new CausewayError(code, undefined, isFull || verdict === "group_full" ? { fields } : {});
}
