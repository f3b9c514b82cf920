// The store over the runtime's own Cache API. Two stores share it as two isolates of a data centre do.

import { describe, expect, it } from "vitest";
import { headOf } from "../../../../shared/http/cache/entry.ts";
import { CACHE_LIMITS } from "../../../../shared/limits.ts";
import { readBody, slotAddress, writeBody, writeSlot } from "../../../../worker/proxy/cache/edge.ts";
import type { Stored } from "../../../../worker/proxy/cache/slot.ts";
import { ReplyStore, type Sought } from "../../../../worker/proxy/cache/store.ts";

const FRESH = { "Cache-Control": "max-age=600", "X-Quoted": 'a "b"\\' };

/** Collects what a request leaves behind it. */
class Background {
  readonly #work: Promise<unknown>[] = [];

  waitUntil(work: Promise<unknown>): void {
    this.#work.push(work);
  }

  async settled(): Promise<void> {
    while (this.#work.length > 0) await Promise.all(this.#work.splice(0));
  }
}

function stored(text: string, fields: Record<string, string> = FRESH, at = Date.now()): Stored {
  const body = new TextEncoder().encode(text);
  const times = { requestedAt: at, receivedAt: at };
  const head = headOf({
    status: 203,
    statusText: "Odd",
    headers: new Headers(fields),
    upstream: 1,
    ...times,
  });
  return { kind: "reply", head, body, length: body.byteLength, bodyId: undefined };
}

function sought(fields: Record<string, string> = {}, key: string = crypto.randomUUID()): Sought {
  return { key, selectionOf: (names) => names.map((name) => `${name}=${fields[name] ?? ""}`).join() };
}

async function textOf(store: ReplyStore, wanted: Sought, now = Date.now()): Promise<string | undefined> {
  const { found } = await store.find(wanted, now);
  return found && new TextDecoder().decode(found.stored.body);
}

function untilUntrusted(): number {
  return Date.now() + CACHE_LIMITS.MEMORY_TRUST_MS + 1;
}

describe("ReplyStore", () => {
  it("finds in memory what it keeps, and in the data centre's cache what another isolate keeps", async () => {
    const [here, there, ctx, wanted] = [new ReplyStore(), new ReplyStore(), new Background(), sought()];
    expect((await here.find(wanted, Date.now())).found).toBeUndefined();
    here.keep(wanted, { stored: stored("one"), names: [], requestedAt: Date.now() }, ctx);
    expect((await here.find(wanted, Date.now())).found?.tier).toBe("memory");
    await ctx.settled();
    const { found } = await there.find(wanted, Date.now());
    expect(found?.tier).toBe("edge");
    expect(found?.stored.head).toMatchObject({
      status: 203,
      statusText: "Odd",
      upstream: 1,
      freshMs: 600_000,
    });
    expect(found?.stored.head.fields.get("x-quoted")).toBe('a "b"\\');
    expect((await there.find(wanted, Date.now())).found?.tier).toBe("memory");
  });

  it("keeps variants apart, under one list of fields for all isolates", async () => {
    const [here, there, ctx] = [new ReplyStore(), new ReplyStore(), new Background()];
    const [german, english] = [sought({ lang: "de" }), sought({ lang: "en" })].map((each) => ({
      ...each,
      key: "k1",
    }));
    if (!german || !english) throw new Error("unreachable");
    here.keep(german, { stored: stored("de"), names: ["lang"], requestedAt: Date.now() }, ctx);
    await ctx.settled();
    there.keep(english, { stored: stored("en"), names: ["lang"], requestedAt: Date.now() }, ctx);
    await ctx.settled();
    for (const store of [here, there, new ReplyStore()]) {
      expect(await textOf(store, german, untilUntrusted())).toBe("de");
      expect(await textOf(store, english, untilUntrusted())).toBe("en");
      const other = await store.find({ ...sought({ lang: "fr" }), key: "k1" }, Date.now());
      expect(other).toMatchObject({ hasVariants: true, found: undefined });
    }
  });

  it("keeps what is for some apart from the first reply on, and forgets all of it with the address", async () => {
    const [store, behind] = [new ReplyStore(), new Background()];
    const key = crypto.randomUUID();
    const by = (user: string): Sought => ({ key, isDivided: true, selectionOf: () => `user=${user}` });
    const requestedAt = Date.now();
    store.keep(by("ann"), { stored: stored("for ann"), names: [], requestedAt }, behind);
    await behind.settled();
    expect([await textOf(store, by("ann")), await textOf(store, by("bob"))]).toEqual(["for ann", undefined]);
    expect(await textOf(store, sought({}, key))).toBeUndefined();
    expect((await store.find(by("cyd"), Date.now())).key).not.toBe(
      (await store.find(by("bob"), Date.now())).key,
    );
    store.keep(by("bob"), { stored: stored("for bob"), names: [], requestedAt }, behind);
    await behind.settled();
    expect([await textOf(store, by("ann")), await textOf(store, by("bob"))]).toEqual(["for ann", "for bob"]);
    store.invalidate([key], behind);
    expect([await textOf(store, by("ann")), await textOf(store, by("bob"))]).toEqual([undefined, undefined]);
  });

  it("uses nothing any more that was invalidated: here at once, in another isolate once its trust has run out", async () => {
    const [here, there, ctx, wanted] = [
      new ReplyStore(),
      new ReplyStore(),
      new Background(),
      sought({ lang: "de" }),
    ];
    const before = Date.now() - 10;
    here.keep(wanted, { stored: stored("old", FRESH, before), names: ["lang"], requestedAt: before }, ctx);
    await ctx.settled();
    expect(await textOf(there, wanted)).toBe("old");
    here.invalidate([wanted.key], ctx);
    expect(await textOf(here, wanted)).toBeUndefined();
    await ctx.settled();
    expect(await textOf(here, wanted)).toBeUndefined();
    expect(await textOf(there, wanted, untilUntrusted())).toBeUndefined();
    expect(await textOf(new ReplyStore(), wanted)).toBeUndefined();
  });

  it("does not trust its memory once another isolate's invalidation may have been forgotten", async () => {
    const [here, ctx, wanted] = [new ReplyStore(), new Background(), sought()];
    here.keep(wanted, { stored: stored("old"), names: [], requestedAt: Date.now() }, ctx);
    await ctx.settled();
    // As the data centre's cache is when the mark has lapsed that took the reply's place.
    await (await caches.open("causeway-http")).delete(slotAddress(wanted.key));
    expect(await textOf(here, wanted, untilUntrusted())).toBe("old");
    expect(await textOf(here, wanted, untilUntrusted() + CACHE_LIMITS.TOMBSTONE_MS)).toBeUndefined();
  });

  it("uses nothing that was invalidated elsewhere and has come back in another form", async () => {
    for (const [before, after] of [
      [[], ["lang"]],
      [["lang"], []],
    ] as const) {
      const [here, there, ctx] = [new ReplyStore(), new ReplyStore(), new Background()];
      const wanted = sought({ lang: "de" });
      const at = Date.now() - 10;
      here.keep(wanted, { stored: stored("old", FRESH, at), names: before, requestedAt: at }, ctx);
      await ctx.settled();
      there.invalidate([wanted.key], ctx);
      await ctx.settled();
      const later = Date.now() + 10;
      const news = { stored: stored("new", FRESH, later), names: after, requestedAt: later };
      there.keep(wanted, news, ctx);
      await ctx.settled();
      expect(await textOf(here, wanted, untilUntrusted())).toBe("new");
    }
  });

  it("does not keep the answer to a request that was under way when its address was invalidated", async () => {
    const [here, there, ctx, wanted] = [new ReplyStore(), new ReplyStore(), new Background(), sought()];
    const requestedAt = Date.now() - 10;
    here.invalidate([wanted.key], ctx);
    await ctx.settled();
    for (const store of [here, there]) {
      store.keep(wanted, { stored: stored("old"), names: [], requestedAt }, ctx);
      await ctx.settled();
      expect(await textOf(store, wanted)).toBeUndefined();
    }
    const later = Date.now() + 10;
    there.keep(wanted, { stored: stored("new", FRESH, later), names: [], requestedAt: later }, ctx);
    await ctx.settled();
    expect(await textOf(new ReplyStore(), wanted)).toBe("new");
  });

  it("takes over what another isolate has stored since", async () => {
    const [here, there, ctx, wanted] = [new ReplyStore(), new ReplyStore(), new Background(), sought()];
    here.keep(
      wanted,
      { stored: stored("one", FRESH, Date.now() - 10), names: [], requestedAt: Date.now() },
      ctx,
    );
    await ctx.settled();
    there.keep(
      wanted,
      { stored: stored("two", FRESH, Date.now() + 10), names: [], requestedAt: Date.now() },
      ctx,
    );
    await ctx.settled();
    expect(await textOf(here, wanted, untilUntrusted())).toBe("two");
  });

  it("does not store a head that is too long for a field", async () => {
    const [here, ctx, wanted] = [new ReplyStore(), new Background(), sought()];
    const fields = { ...FRESH, "X-Long": "x".repeat(CACHE_LIMITS.HEAD_CHARS_MAX) };
    here.keep(wanted, { stored: stored("one", fields), names: [], requestedAt: Date.now() }, ctx);
    await ctx.settled();
    expect(await textOf(here, wanted)).toBe("one");
    expect(await textOf(new ReplyStore(), wanted)).toBeUndefined();
  });

  it("takes an entry whose body is not as long as it says for none", async () => {
    const wanted = sought();
    await writeSlot(wanted.key, { ...stored("one"), length: 4 }, 60_000);
    expect(await textOf(new ReplyStore(), wanted)).toBeUndefined();
  });
});

describe("writeBody", () => {
  const PIECE = new Uint8Array(1024).fill(7);

  /** A body that breaks off after `pieces` pieces of those announced. */
  function source(pieces: number, announced: number): ReadableStream<Uint8Array> {
    const { readable, writable } = new FixedLengthStream(announced * PIECE.byteLength);
    const writer = writable.getWriter();
    void (async () => {
      for (let n = 0; n < pieces; n++) await writer.write(PIECE);
      if (pieces === announced) await writer.close();
      else await writer.abort(new Error("broken off"));
    })().catch(() => undefined);
    return readable;
  }

  it("stores a body that came whole, and gives parts of it", async () => {
    const id = crypto.randomUUID();
    expect(await writeBody(id, source(4, 4), 4_096, 60_000)).toBe(true);
    expect((await (await readBody(id, undefined))?.arrayBuffer())?.byteLength).toBe(4_096);
    const part = await readBody(id, "bytes=10-19");
    expect([part?.status, (await part?.arrayBuffer())?.byteLength]).toEqual([206, 10]);
  });

  it("leaves nothing of one that broke off", async () => {
    const id = crypto.randomUUID();
    expect(await writeBody(id, source(2, 4), 4_096, 60_000)).toBe(false);
    expect(await readBody(id, undefined)).toBeUndefined();
  });
});
