// What a ledger knows of one flow: which of its bytes and messages are in its service's account.
// Pure.

import { FLOW_LIMITS } from "../limits.ts";
import type { Account } from "./account.ts";
import type { CutCause, Flow, FlowInit, FlowKind } from "./flow.ts";

/** A flow as its ledger keeps it. */
export class TrackedFlow implements Flow {
  up = 0;
  down = 0;
  messagesUp = 0;
  messagesDown = 0;
  /** What of each is in the account already. */
  sealedUp = 0;
  sealedDown = 0;
  sealedMessagesUp = 0;
  sealedMessagesDown = 0;
  /** Listed flows were announced by an `opened` event and get a `closed` one. */
  listed = false;
  open = true;
  cut: CutCause | undefined;
  viewer: number | undefined;
  onCut: ((cause: CutCause) => void) | undefined;
  readonly source: string;
  readonly number: number;
  readonly account: Account;
  readonly kind: FlowKind;
  readonly service: string;
  readonly client: string;
  target: string;
  readonly user: string;
  readonly startedAt: number;

  constructor(source: string, number: number, account: Account, init: FlowInit) {
    this.source = source;
    this.number = number;
    this.account = account;
    this.kind = init.kind;
    this.service = account.service;
    this.client = init.client.slice(0, FLOW_LIMITS.TEXT_CHARS_MAX);
    this.target = init.target.slice(0, FLOW_LIMITS.TEXT_CHARS_MAX);
    this.user = init.user.slice(0, FLOW_LIMITS.TEXT_CHARS_MAX);
    this.startedAt = init.startedAt;
  }

  /** Made when asked for: most flows end before anyone lists them. */
  get id(): string {
    return `${this.source}-${this.number}`;
  }

  /** Has whoever moves the bytes break off; again changes nothing. */
  breakOff(cause: CutCause): void {
    if (this.cut !== undefined) return;
    this.cut = cause;
    this.onCut?.(cause);
  }

  /** Moves what was counted since the last seal into the account; true if anything was. */
  settle(): boolean {
    const bytes = this.up !== this.sealedUp || this.down !== this.sealedDown;
    const messages =
      this.messagesUp !== this.sealedMessagesUp || this.messagesDown !== this.sealedMessagesDown;
    if (bytes) this.#settleBytes();
    if (messages) this.#settleMessages();
    return bytes || messages;
  }

  #settleBytes(): void {
    const { delta } = this.account;
    delta.up += this.up - this.sealedUp;
    delta.down += this.down - this.sealedDown;
    this.sealedUp = this.up;
    this.sealedDown = this.down;
  }

  #settleMessages(): void {
    const { delta } = this.account;
    delta.messages_up += this.messagesUp - this.sealedMessagesUp;
    delta.messages_down += this.messagesDown - this.sealedMessagesDown;
    this.sealedMessagesUp = this.messagesUp;
    this.sealedMessagesDown = this.messagesDown;
  }
}
