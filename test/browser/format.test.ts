import { describe, expect, it } from "vitest";
import {
  formatAxisRate,
  formatBytes,
  formatDuration,
  formatFrequency,
  formatLatency,
  formatLoss,
  formatRate,
  formatShare,
} from "../../worker/dashboard/format.ts";

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [1, "1 B"],
    [1023, "1023 B"],
    [1024, "1.00 KiB"],
    [1536, "1.50 KiB"],
    [10 * 1024, "10.0 KiB"],
    [64 * 1024 * 1024, "64.0 MiB"],
    [1024 * 1024 - 1, "1.00 MiB"],
    [500 * 1024 ** 3, "500 GiB"],
    [2 ** 62, "4096 PiB"],
  ])("writes %d as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});

describe("formatRate", () => {
  it.each([
    [0, "0 B/s"],
    [999.4, "999 B/s"],
    [999.6, "1.00 kB/s"],
    [12_500_000, "12.5 MB/s"],
    [999_600, "1.00 MB/s"],
  ])("writes %d as %s", (rate, text) => expect(formatRate(rate)).toBe(text));
});

describe("formatAxisRate", () => {
  it.each([
    [20_000_000, "20 MB/s"],
    [2_500_000, "2.50 MB/s"],
    [100_000, "100 kB/s"],
    [0, "0 B/s"],
  ])("writes %d as %s", (rate, text) => expect(formatAxisRate(rate)).toBe(text));
});

describe("formatDuration", () => {
  it.each([
    [-5, "0 s"],
    [59_999, "59 s"],
    [125_000, "2 min 5 s"],
    [3_600_000 * 5 + 60_000, "5 h 1 min"],
    [86_400_000 * 3 + 3_600_000, "3 d 1 h"],
  ])("writes %d ms as %s", (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe("formatFrequency", () => {
  it("keeps one decimal below ten", () => {
    expect([0, 0.5, 9.94, 47.5].map(formatFrequency)).toEqual(["0/s", "0.5/s", "9.9/s", "48/s"]);
  });
});

describe("formatLatency", () => {
  it.each([
    [0, "0 ms"],
    [0.4, "0 ms"],
    [85.2, "85 ms"],
    [999.4, "999 ms"],
    [999.6, "1.00 s"],
    [12_345, "12.35 s"],
  ])("writes %d as %s", (ms, text) => expect(formatLatency(ms)).toBe(text));
});

describe("formatLoss", () => {
  it("keeps one decimal while small: half a percent matters", () => {
    expect([0, 0.004, 0.0123, 0.0996, 0.25, 1].map(formatLoss)).toEqual([
      "0 %",
      "0.4 %",
      "1.2 %",
      "10 %",
      "25 %",
      "100 %",
    ]);
  });
});

describe("formatShare", () => {
  it("has no share of nothing", () => expect(formatShare(0, 0)).toBe("–"));
  it("rounds to whole percents", () => expect(formatShare(2, 3)).toBe("67 %"));
});
