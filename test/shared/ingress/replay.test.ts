// The threat: a signed request that is recorded and sent again, also after the relay was restarted.

import { describe, expect, it } from "vitest";
import { ReplayWindow } from "../../../shared/ingress/replay.ts";

const START_S = 1_800_000_000;
const START_MS = START_S * 1_000;

function windowOf(noncesMax = 1_000) {
  return new ReplayWindow({ startedAtMs: START_MS, noncesMax });
}

describe("ReplayWindow", () => {
  it("lets a nonce through once", () => {
    const window = windowOf();
    expect(window.take(START_S, "a", START_MS)).toBe("fresh");
    expect(window.take(START_S, "a", START_MS)).toBe("replayed");
    expect(window.take(START_S, "b", START_MS)).toBe("fresh");
  });

  it("remembers a nonce for as long as its signature may hold", () => {
    const window = windowOf();
    const signed = START_S + 59;
    // Signed by a clock that is 30 s ahead, it holds until 30 s after its time.
    expect(window.take(signed, "a", (signed - 30) * 1_000)).toBe("fresh");
    for (let now = signed - 30; now <= signed + 30; now++) {
      expect(window.take(signed, "a", now * 1_000)).toBe("replayed");
    }
  });

  it("forgets what is refused by its time", () => {
    const window = windowOf();
    for (let second = 0; second < 500; second++) {
      window.take(START_S + second, "a", START_MS + second * 1_000);
    }
    expect(window.size).toBeLessThanOrEqual(41);
  });

  it("refuses what was signed before it began, as it cannot know whether that was used", () => {
    const window = windowOf();
    expect(window.take(START_S - 3, "a", START_MS)).toBe("replayed");
    expect(window.take(START_S - 2, "a", START_MS)).toBe("fresh");
  });

  it("refuses more than it can remember, until the oldest are forgotten", () => {
    const window = windowOf(2);
    window.take(START_S, "a", START_MS);
    window.take(START_S, "b", START_MS);
    expect(window.take(START_S, "c", START_MS)).toBe("full");
    expect(window.take(START_S, "a", START_MS)).toBe("replayed");
    expect(window.take(START_S + 60, "c", START_MS + 60_000)).toBe("fresh");
  });
});
