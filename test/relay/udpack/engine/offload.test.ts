// The segmenting engine, where this system has it: the shared suite, coalesced reads, and what happens without it.

import { spawnSync } from "node:child_process";
import { Socket } from "node:dgram";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import type { EngineOptions } from "../../../../relay/udpack/engine/engine.ts";
import { Libc, loadLibc } from "../../../../relay/udpack/engine/libc.ts";
import { openOffload } from "../../../../relay/udpack/engine/offload.ts";
import { probeOffload } from "../../../../relay/udpack/engine/probe.ts";
import { engineSuite, type Listening, listening, patterned, writeBatch } from "./engine-suite.ts";

const libc = loadLibc();
const works = libc !== undefined && (await probeOffload(libc));

async function open(options: EngineOptions) {
  const engine = libc && (await openOffload(libc, options));
  if (!engine) throw Object.assign(new Error("Not opened"), { code: "EADDRINUSE" });
  return engine;
}

describe("loadLibc", () => {
  it("finds the C library on Linux and nothing elsewhere", () => {
    expect(libc !== undefined).toBe(process.platform === "linux");
  });

  it("says nothing on stderr, where other warnings still appear", () => {
    const module = new URL("../../../../relay/udpack/engine/libc.ts", import.meta.url);
    const script = `import { loadLibc } from ${JSON.stringify(module)};
      loadLibc();
      process.emitWarning("Something else is an experimental feature", "ExperimentalWarning");`;
    const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    expect(stderr).not.toContain("FFI");
    expect(stderr).toContain("ExperimentalWarning: Something else");
  });
});

if (works && libc) {
  engineSuite("openOffload", open, "offload");

  describe("the offload engine", () => {
    const opened: Listening[] = [];
    afterAll(() => {
      for (const { engine } of opened) engine.close();
    });
    const one = async () => {
      const made = await listening(open);
      opened.push(made);
      return made;
    };

    it("sends a batch in one call and reads it in fewer calls than datagrams", async () => {
      const [a, b] = [await one(), await one()];
      const parts = Array.from({ length: 40 }, (_, index) => patterned(1_400, index));
      a.engine.send(writeBatch(a.engine, parts), 1_400, b.engine.local);
      await b.bytes(40 * 1_400);
      expect(a.engine.counters.sendCalls).toBe(1);
      expect(a.engine.counters.sentDatagrams).toBe(40);
      expect(b.engine.counters.receiveCalls).toBeLessThan(10);
    });
  });

  describe("the fall-back of the offload engine", () => {
    afterEach(() => vi.restoreAllMocks());

    const parts = [patterned(1_200, 1), patterned(1_200, 2), patterned(99, 3)];
    const sendAndCompare = async (a: Listening, b: Listening) => {
      a.engine.send(writeBatch(a.engine, parts), 1_200, b.engine.local);
      expect((await b.bytes(2_499)).equals(Buffer.concat(parts))).toBe(true);
    };

    it("sends one by one, and says so, after the device refused a batch with EIO", async () => {
      const [a, b] = [await listening(open), await listening(open)];
      const refused = vi.spyOn(Socket.prototype, "send").mockImplementationOnce((...args: unknown[]) => {
        const done = args.at(-1) as (error: Error) => void;
        done(Object.assign(new Error("write EIO"), { code: "EIO" }));
      });
      a.engine.send(writeBatch(a.engine, parts), 1_200, b.engine.local);
      expect(refused).toHaveBeenCalledTimes(1);
      expect(a.engine.kind).toBe("portable");
      await sendAndCompare(a, b);
      expect(a.engine.counters).toMatchObject({ sendCalls: 4, sendErrors: 1 });
      a.engine.close();
      b.engine.close();
    });

    it("keeps segmenting after a datagram that was too large", async () => {
      const [a, b] = [await listening(open), await listening(open)];
      vi.spyOn(Socket.prototype, "send").mockImplementationOnce((...args: unknown[]) => {
        const done = args.at(-1) as (error: Error) => void;
        done(Object.assign(new Error("write EMSGSIZE"), { code: "EMSGSIZE" }));
      });
      a.engine.send(writeBatch(a.engine, parts), 1_200, b.engine.local);
      expect(a.engine.kind).toBe("offload");
      await sendAndCompare(a, b);
      a.engine.close();
      b.engine.close();
    });
  });
}

describe("probeOffload", () => {
  it("fails where the system refuses the options, and leaves no descriptor behind", async () => {
    const closed: number[] = [];
    const refusing = new Libc({
      socket: () => 77,
      setsockopt: (_fd, level, name) => (level === 17 && name === 104 ? -1 : 0),
      bind: () => 0,
      close: (fd) => closed.push(fd),
    });
    expect(await probeOffload(refusing)).toBe(false);
    expect(closed).toEqual([77, 77]);
  });

  it("asks for DF without the kernel's own path MTU, on both families", () => {
    const asked: string[] = [];
    const recording = new Libc({
      socket: () => 77,
      setsockopt: (_fd, level, name, value) => {
        asked.push(`${level}/${name}=${new Int32Array(value.buffer)[0]}`);
        return 0;
      },
      bind: () => 0,
      close: () => 0,
    });
    expect(recording.openUdp("::1", 0, true, 1_000)).toBe(77);
    expect(asked).toEqual(expect.arrayContaining(["0/10=3", "41/23=3", "17/104=1"]));
  });
});
