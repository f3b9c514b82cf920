// What the main thread decides for all: which row is whose, what quotas still grant, who may sign in, which signatures are new
// and how many may come in. It knows no thread but by its number, and no connection.

import { CausewayError } from "../../shared/errors.ts";
import { takeSignature } from "../inbound/ingress-gate.ts";
import type { Account, AccountKind } from "../limits/account.ts";
import type { Limits } from "../limits/limits.ts";
import type { Users } from "../users.ts";
import type { AccountRows } from "./account-rows.ts";
import type { Call, Notice, Question, QuestionAnswer } from "./messages.ts";

export interface DeskOptions {
  readonly rows: AccountRows;
  readonly limits: Limits;
  readonly users: Pick<Users, "signIn">;
  /** Tells all threads but one. */
  readonly tellOthers: (thread: number, notice: Notice) => void;
}

export class Desk {
  readonly #options: DeskOptions;

  constructor(options: DeskOptions) {
    this.#options = options;
    options.rows.onForget = (name) => options.limits.forget(name);
  }

  /** Answers a thread that waits; 0 is no. */
  decide(thread: number, call: Call): number {
    const { rows, limits } = this.#options;
    switch (call.ask) {
      case "row":
        return rows.acquire(thread, call.kind, call.name);
      case "charge":
        return this.#pays(thread, call, (account) => account.charge(call.bytes));
      case "is_open":
        return this.#pays(thread, call, (account) => account.isOpen);
      case "arrival": {
        const { client } = call;
        const now = performance.now();
        const isLetIn =
          client === undefined ? limits.door.takesAnother(now) : limits.door.takesAnotherOf(client, now);
        return Number(isLetIn);
      }
    }
  }

  /** Never rejects. */
  async answer(question: Question): Promise<QuestionAnswer> {
    try {
      if (question.ask === "signature") return { ok: true, value: takeSignature(question.secret, question) };
      await this.#options.users.signIn(question.name, question.password, question.client);
      return { ok: true, value: "" };
    } catch (error) {
      return { ok: false, code: error instanceof CausewayError ? error.code : "internal" };
    }
  }

  #pays(
    thread: number,
    { kind, name }: { readonly kind: AccountKind; readonly name: string },
    asks: (account: Account) => boolean,
  ): number {
    const { rows, limits, tellOthers } = this.#options;
    const account = limits.account(kind, name);
    // Without a row there is nowhere to put a lease.
    if (account === undefined || !rows.has(kind, name)) return 0;
    if (asks(account)) return 1;
    // What is used up for one thread is used up for all: they have nothing left to take from.
    if (rows.seatsBeyond(thread, kind, name) > 0)
      tellOthers(thread, { do: "end_account", kind, name, code: "traffic_exceeded" });
    return 0;
  }
}
