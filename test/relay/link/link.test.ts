import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Link, type LinkOptions, startLink } from "../../../relay/link/link.ts";
import { Ledger } from "../../../shared/flow/ledger.ts";
import { flowInit } from "../../shared/flow/batches.ts";
import { FakeEdge } from "./fake-edge.ts";

const TOKEN = "relay-token-of-these-tests";
const WAIT = { timeout: 8_000, interval: 10 };

let edge: FakeEdge;
let ledger: Ledger;
let links: Link[];
let lives = 0;
const log = { info: vi.fn(), warn: vi.fn() };
const obey = vi.fn<LinkOptions["obey"]>();

beforeEach(async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.05);
  edge = new FakeEdge();
  await edge.start();
  ledger = new Ledger({ source: `life-${lives++}`, origin: "relay", name: "main" });
  links = [];
});

afterEach(async () => {
  await Promise.all(links.map((link) => link.stop()));
  await edge.kill();
  vi.restoreAllMocks();
  log.info.mockClear();
  obey.mockReset();
  log.warn.mockClear();
});

function start(): Link {
  const inbounds = [
    { kind: "mixed", address: "127.0.0.1", port: 1080 },
    { kind: "mixed", address: "::1", port: 1081 },
  ];
  const link = startLink({
    edge: edge.url,
    token: TOKEN,
    name: "main",
    ledger,
    inbounds: () => inbounds,
    tunnels: () => [],
    obey,
    version: "1.2.3",
    log,
  });
  links.push(link);
  return link;
}

/** A connection that carried `bytes` to its client. */
function carry(bytes: number): void {
  const flow = ledger.open(flowInit({ kind: "socks", service: "main/mixed", startedAt: Date.now() }));
  flow.down += bytes;
  ledger.close(flow, "done", Date.now());
}

describe("startLink", () => {
  it("introduces the relay by subprotocol token and hello", async () => {
    start();
    await vi.waitFor(() => expect(edge.hellos).toHaveLength(1), WAIT);
    expect(edge.paths).toEqual(["/relay/connect"]);
    expect(edge.protocols).toEqual([`causeway.v1,bearer.${Buffer.from(TOKEN).toString("base64url")}`]);
    expect(edge.hellos[0]).toMatchObject({
      name: "main",
      source: ledger.source,
      version: "1.2.3",
      inbounds: ["mixed 127.0.0.1:1080", "mixed [::1]:1081"],
    });
    await vi.waitFor(() => expect(log.info).toHaveBeenCalledWith({ event: "link_up", edge: edge.url }), WAIT);
  });

  it("reports about once a second while there is something to report, and is quiet otherwise", async () => {
    start();
    carry(100);
    await vi.waitFor(() => expect(edge.down).toBe(100), WAIT);
    carry(20);
    await vi.waitFor(() => expect(edge.down).toBe(120), WAIT);
    await vi.waitFor(() => expect(ledger.unreported).toBe(false), WAIT);
    expect(edge.batches.map((batch) => batch.seq)).toEqual([1, 2]);
  });

  it("sends a batch whose acknowledgement was lost again, and it counts once", async () => {
    edge.fate = "drop after storing";
    start();
    carry(100);
    await vi.waitFor(() => expect(edge.batches.length).toBeGreaterThan(1), WAIT);
    edge.fate = "ack";
    carry(11);
    await vi.waitFor(() => expect(edge.down).toBe(111), WAIT);
    expect(edge.batches.filter((batch) => batch.seq === 1).length).toBeGreaterThan(1);
    expect(edge.requests).toBe(2);
  });

  it("takes a repeated acknowledgement for one", async () => {
    edge.fate = "ack twice";
    start();
    for (let i = 1; i <= 3; i++) {
      carry(10);
      await vi.waitFor(() => expect(edge.down).toBe(10 * i), WAIT);
    }
    expect(edge.connections).toBe(1);
  });

  it("loses and doubles nothing while the edge is killed and started again", async () => {
    start();
    let sum = 0;
    for (let round = 0; round < 3; round++) {
      carry(1_000);
      await vi.waitFor(() => expect(edge.batches.length).toBeGreaterThan(round), WAIT);
      await edge.kill();
      carry(100);
      await edge.start();
      carry(10);
      sum += 1_110;
    }
    await vi.waitFor(() => expect(edge.down).toBe(sum), WAIT);
    expect(edge.requests).toBe(9);
  }, 20_000);

  it("tells the edge of open connections anew after a reconnect", async () => {
    ledger.open(flowInit({ kind: "socks", startedAt: Date.now() }));
    start();
    await vi.waitFor(() => expect(ledger.seal(Date.now())).toBeUndefined(), WAIT);
    const before = edge.batches.length;
    edge.dropAll();
    await vi.waitFor(() => expect(edge.batches.length).toBeGreaterThan(before), WAIT);
    expect(edge.batches.at(-1)?.active).toHaveLength(1);
  });

  it("drops an edge that talks nonsense and comes back", async () => {
    start();
    await vi.waitFor(() => expect(edge.hellos).toHaveLength(1), WAIT);
    edge.say("nonsense");
    await vi.waitFor(() => expect(edge.hellos).toHaveLength(2), WAIT);
    expect(log.warn).toHaveBeenCalledWith(
      expect.objectContaining({ event: "link_down", code: 1008, reason: "message_malformed" }),
    );
  });

  it("carries orders of the edge out and answers each by its id", async () => {
    const answer = { ok: true, report: { closed: "x" } } as const;
    obey.mockResolvedValueOnce(answer);
    start();
    await vi.waitFor(() => expect(log.info).toHaveBeenCalled(), WAIT);
    edge.say('{"type":"order","id":"7","order":{"do":"close","connection":"x"}}');
    await vi.waitFor(() => expect(edge.answers).toEqual([{ type: "answer", id: "7", answer }]), WAIT);
    expect(obey).toHaveBeenCalledExactlyOnceWith({ do: "close", connection: "x" });
  });

  it("drops an edge that orders what no edge orders", async () => {
    start();
    await vi.waitFor(() => expect(edge.hellos).toHaveLength(1), WAIT);
    edge.say('{"type":"order","id":"7","order":{"do":"run","command":"rm"}}');
    await vi.waitFor(() => expect(edge.hellos).toHaveLength(2), WAIT);
    expect(obey).not.toHaveBeenCalledWith(expect.objectContaining({ do: "run" }));
  });

  it("tells what listens once that has changed", async () => {
    const link = start();
    await vi.waitFor(() => expect(log.info).toHaveBeenCalled(), WAIT);
    link.changed();
    const named = ["mixed 127.0.0.1:1080", "mixed [::1]:1081"];
    await vi.waitFor(() => expect(edge.inbounds).toEqual([named]), WAIT);
  });

  it("does not fight for its name with the link that replaced it", async () => {
    start();
    await vi.waitFor(() => expect(edge.hellos).toHaveLength(1), WAIT);
    edge.closeAll(4001, "link_replaced");
    await vi.waitFor(() => expect(log.warn).toHaveBeenCalledOnce(), WAIT);
    expect(log.warn.mock.calls[0]?.[0]).toMatchObject({ code: 4001, reason: "link_replaced" });
    expect(log.warn.mock.calls[0]?.[0].retry_ms).toBeGreaterThanOrEqual(30_000);
  });
});

describe("Link.stop", () => {
  it("sends the last batch and waits for its acknowledgement", async () => {
    const link = start();
    await vi.waitFor(() => expect(edge.hellos).toHaveLength(1), WAIT);
    carry(77);
    await link.stop();
    expect(edge.down).toBe(77);
    expect(edge.batches.at(-1)?.last).toBe(true);
    expect(ledger.unreported).toBe(false);
  });

  it("reports what is left even when it has just lost the edge", async () => {
    const link = start();
    await vi.waitFor(() => expect(edge.hellos).toHaveLength(1), WAIT);
    vi.spyOn(Math, "random").mockReturnValue(1);
    edge.dropAll();
    await vi.waitFor(() => expect(log.warn).toHaveBeenCalled(), WAIT);
    carry(5);
    await link.stop();
    expect(edge.down).toBe(5);
  });

  it("gives up at its deadline when the edge does not answer", async () => {
    edge.fate = "deaf";
    const link = start();
    await vi.waitFor(() => expect(edge.hellos).toHaveLength(1), WAIT);
    carry(5);
    await link.stop();
    expect(ledger.unreported).toBe(true);
  }, 10_000);

  it("does not wait for an edge that is away when nothing is left to say", async () => {
    await edge.kill();
    const link = start();
    await vi.waitFor(() => expect(log.warn).toHaveBeenCalled(), WAIT);
    await link.stop();
    expect(edge.connections).toBe(0);
  });
});
