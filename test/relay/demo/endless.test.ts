import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Demo, startDemo } from "../../../relay/demo/origin.ts";
import { readPackets, unmarkedJumps } from "../../support/transport-stream.ts";

let demo: Demo;

beforeAll(async () => {
  demo = await startDemo({ host: "127.0.0.1", port: 0 });
});

afterAll(() => demo?.stop());

describe("/live.ts", () => {
  it("goes on past its segments without a jump, as fast as it plays", async () => {
    const response = await fetch(`${demo.url}/live.ts`);
    expect(response.headers.get("content-type")).toBe("video/mp2t");
    const startedAt = Date.now();
    const reader = response.body?.getReader();
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    // The first segment comes at once, about 160 KB; a second and a half of the next one then takes its time.
    while (bytes < 280_000) {
      const { value } = (await reader?.read()) ?? {};
      if (!value) throw new Error("The stream has ended");
      pieces.push(value);
      bytes += value.byteLength;
    }
    expect(Date.now() - startedAt).toBeGreaterThan(700);
    const whole = Buffer.concat(pieces).subarray(0, bytes - (bytes % 188));
    expect(unmarkedJumps(readPackets(whole))).toEqual([]);
    await reader?.cancel();
  });

  it("answers HEAD without a stream", async () => {
    const response = await fetch(`${demo.url}/live.ts`, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });
});
