// What the main thread and the threads that serve connections say to each other. Types only: all of it stays within the
// process.

import type { InboundConfig, RelayConfig } from "../../shared/config/schema.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { CloseReason, CutCause, FlowInit, FlowKind } from "../../shared/flow/flow.ts";
import type { RelayEvent } from "../events.ts";
import type { OwnListener } from "../inbound-deps.ts";
import type { AccountKind } from "../limits/account.ts";
import type { TunnelStats } from "../metrics/stats.ts";
import type { MemoryHandle } from "./shared-memory.ts";

/** What a thread is started with. */
export interface ThreadData {
  /** 0 and up. */
  readonly index: number;
  readonly memory: MemoryHandle;
  /** The relay's source in batches, part of flows' ids. */
  readonly source: string;
  /** The number of its first flow, and how far apart numbers are. */
  readonly flows: { readonly first: number; readonly step: number };
  readonly config: RelayConfig;
  readonly own: readonly OwnListener[];
  readonly parts: ThreadParts;
  /** Types of events that nobody wants. */
  readonly unwanted: readonly RelayEvent["type"][];
}

/** Parts that tests replace, as far as they can be sent. */
export interface ThreadParts {
  readonly handshakeTimeoutMs?: number | undefined;
  readonly bindTimeoutMs?: number | undefined;
  readonly connectionsMax?: number | undefined;
}

/** One listener of an entry. */
interface ListenerName {
  readonly entry: number;
  readonly listener: number;
}

/** What a thread is told to do, and answers. */
export type Command =
  | (ListenerName & {
      readonly do: "start";
      readonly config: InboundConfig;
      readonly setting: string;
      /** Where, whatever the configuration says. */
      readonly port: number;
      readonly reusePort: boolean;
      /** The listener whose socket it takes over, where the thread has it. */
      readonly before?: ListenerName | undefined;
    })
  | (ListenerName & { readonly do: "stop_accepting" | "close" })
  /** Answered once no connection of the entry, or none at all, is open. */
  | { readonly do: "empty"; readonly entry: number | undefined }
  | { readonly do: "reload"; readonly config: RelayConfig }
  | { readonly do: "exit" };

/** What a thread is told, and does not answer. */
export type Notice =
  | { readonly do: "abort"; readonly entry: number | undefined }
  | { readonly do: "own"; readonly own: readonly OwnListener[] }
  | { readonly do: "cut"; readonly flow: number; readonly cause: CutCause }
  | {
      readonly do: "end_account";
      readonly kind: AccountKind;
      readonly name: string;
      readonly code: ErrorCode;
    };

/** Where a listener listens. */
export interface BoundAddress {
  readonly address: string;
  readonly port: number;
}

/** What became of a command. */
export type CommandAnswer =
  | { readonly ok: true; readonly bound?: BoundAddress | undefined }
  | { readonly ok: false; readonly isTaken: boolean; readonly message: string };

/** What a thread asks and does not wait for with all it does. */
export type Question =
  | { readonly ask: "sign_in"; readonly name: string; readonly password: string; readonly client: string }
  | { readonly ask: "signature"; readonly secret: string; readonly at: number; readonly nonce: string };

/** `value`: what the question says; an error of the relay's own has a code. */
export type QuestionAnswer =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly code: ErrorCode };

/** What a thread asks and waits for, doing nothing else; the answer is a number, and 0 is no. */
export type Call =
  /** The row of an account. */
  | { readonly ask: "row"; readonly kind: AccountKind; readonly name: string }
  /** Whether so many bytes are paid. */
  | { readonly ask: "charge"; readonly kind: AccountKind; readonly name: string; readonly bytes: number }
  /** Whether anything may move. */
  | { readonly ask: "is_open"; readonly kind: AccountKind; readonly name: string }
  /** Whether another client may come in: at all, or of an address. */
  | { readonly ask: "arrival"; readonly client: string | undefined };

/** A flow that has begun. */
export interface OpenedNote {
  readonly note: "opened";
  readonly number: number;
  /** Where its bytes are counted. */
  readonly slot: number;
  readonly init: FlowInit;
  /** Whether it can be broken off. */
  closable: boolean;
}

/** What a thread tells, in the order in which it happened. */
export type Note =
  | OpenedNote
  | {
      readonly note: "closed";
      readonly number: number;
      readonly reason: CloseReason;
      readonly at: number;
      readonly code: string | undefined;
      readonly up: number;
      readonly down: number;
    }
  | {
      readonly note: "refused";
      readonly service: string;
      readonly kind: FlowKind;
      readonly code: string | undefined;
    }
  | { readonly note: "event"; readonly event: RelayEvent }
  /** Its tunnels, as they are now. */
  | { readonly note: "tunnels"; readonly tunnels: readonly TunnelStats[] }
  /** More memory for flows' bytes. */
  | { readonly note: "page"; readonly page: SharedArrayBuffer }
  /** An account is not used any more. */
  | { readonly note: "released"; readonly row: number };

export type ToThread =
  | { readonly type: "command"; readonly id: number; readonly command: Command }
  | { readonly type: "notice"; readonly notice: Notice }
  | { readonly type: "answer"; readonly id: number; readonly answer: QuestionAnswer };

export type FromThread =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly id: number; readonly answer: CommandAnswer }
  | { readonly type: "question"; readonly id: number; readonly question: Question }
  | { readonly type: "call"; readonly number: number; readonly call: Call }
  | { readonly type: "parcel"; readonly number: number; readonly notes: readonly Note[] };
