import { describe, expect, it } from "vitest";
import type { FlowInit } from "../../../shared/flow/flow.ts";
import { Visit } from "../../../worker/hls/visit.ts";

describe("Visit", () => {
  it("shows who watches stats the origin's host and the public name, never the account in its address", () => {
    const shown: FlowInit[] = [];
    const meter = { open: (init: FlowInit) => void shown.push(init), touch: () => undefined };
    const url = new URL("http://edge.test/proxy/ch_a/b/sealed/7.ts?q=sealed");
    const x = { request: new Request(url), url, meter, startedAt: 0 } as unknown as ConstructorParameters<
      typeof Visit
    >[0];
    new Visit(x, "ch_a", "http://me:pw@o.test:8080/live/ACCOUNT/PASSWORD/7.ts?token=SECRET");
    expect(shown.map(({ target }) => target)).toEqual(["http://o.test:8080/…/7.ts"]);
  });
});
