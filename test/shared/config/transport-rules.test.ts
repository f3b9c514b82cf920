import { describe, expect, it } from "vitest";
import { checkTransportStreams } from "../../../shared/config/transport-rules.ts";

function paths(channel: Record<string, unknown>): string[] {
  return checkTransportStreams({ channels: [channel] }).map(({ path }) => path);
}

describe("checkTransportStreams", () => {
  it("refuses keys that a stream without playlists would ignore", () => {
    expect(paths({ kind: "ts", shield: true, prefetch: 2, failback: "1m", max_viewers: 5 })).toEqual([
      "channels[0].shield",
      "channels[0].prefetch",
      "channels[0].failback",
    ]);
  });

  it("leaves past programmes theirs, and playlists all of them", () => {
    expect(paths({ kind: "ts", catchup: "default", hide_query: false, failback: "1m" })).toEqual([
      "channels[0].failback",
    ]);
    expect(paths({ hide_query: false, shield: true, failback: "1m" })).toEqual([]);
  });
});
