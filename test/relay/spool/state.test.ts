import { describe, expect, it } from "vitest";
import { SpoolState } from "../../../relay/spool/state.ts";
import { SPOOL_LIMITS } from "../../../shared/limits.ts";

const READ = SPOOL_LIMITS.READ_BYTES_MAX;
const YES = () => true;
const NO = () => false;
const BOUNDS = { memory: 4 * READ, file: 8 * READ };

function filled(state: SpoolState, now = 0): SpoolState {
  while (state.turn(now, YES).reads && !state.isSpilling) state.arrived(READ);
  state.setBlocked(true, now);
  return state;
}

describe("SpoolState", () => {
  it("keeps to memory until it is full, and then has the source wait", () => {
    const state = filled(new SpoolState(BOUNDS));
    expect(state.held).toBe(BOUNDS.memory);
    expect(state.turn(0, YES)).toEqual({ reads: false, askAt: SPOOL_LIMITS.BLOCKED_MS });
  });

  it("goes on in memory once the reader has made room", () => {
    const state = filled(new SpoolState(BOUNDS));
    state.tookFromMemory(READ);
    expect(state.turn(1, YES).reads).toBe(true);
    expect(state.isSpilling).toBe(false);
  });

  it("begins a file once the reader has taken nothing for a second", () => {
    const state = filled(new SpoolState(BOUNDS));
    expect(state.turn(SPOOL_LIMITS.BLOCKED_MS - 1, YES).reads).toBe(false);
    expect(state.turn(SPOOL_LIMITS.BLOCKED_MS, YES).reads).toBe(true);
    expect(state.isSpilling).toBe(true);
  });

  it("counts the second anew when the reader has taken something, however little", () => {
    const state = filled(new SpoolState(BOUNDS));
    state.tookFromMemory(1);
    state.setBlocked(true, 950);
    expect(state.turn(1_100, YES)).toEqual({ reads: false, askAt: 950 + SPOOL_LIMITS.BLOCKED_MS });
  });

  it("sends everything to the file until its last byte has left", () => {
    const state = filled(new SpoolState(BOUNDS));
    state.turn(2_000, YES);
    state.arrived(READ);
    expect(state.hasFileBytes).toBe(false);
    state.written(READ);
    expect(state.hasFileBytes).toBe(true);
    state.tookFromMemory(BOUNDS.memory);
    state.arrived(10);
    expect(state.tookFromFile(READ)).toBe(false);
    state.written(10);
    expect(state.tookFromFile(10)).toBe(true);
    expect(state.isSpilling).toBe(false);
    expect(state.held).toBe(0);
  });

  it("has one read on its way into the file at a time", () => {
    const state = filled(new SpoolState(BOUNDS));
    state.turn(2_000, YES);
    state.arrived(READ);
    expect(state.turn(2_000, YES).reads).toBe(false);
    state.written(READ);
    expect(state.turn(2_000, YES).reads).toBe(true);
  });

  it("has the source wait when the file is full", () => {
    const state = filled(new SpoolState(BOUNDS));
    while (state.turn(2_000, YES).reads) {
      state.arrived(READ);
      state.written(READ);
    }
    expect(state.held).toBe(BOUNDS.memory + BOUNDS.file);
    expect(state.turn(9_000, YES).askAt).toBe(Number.POSITIVE_INFINITY);
  });

  it("begins no file when all files together are full, and asks again; nor where files are off", () => {
    expect(filled(new SpoolState(BOUNDS)).turn(2_000, NO)).toEqual({
      reads: false,
      askAt: 2_000 + SPOOL_LIMITS.BLOCKED_MS,
    });
    const off = filled(new SpoolState({ ...BOUNDS, file: 0 }));
    expect(off.turn(2_000, YES)).toEqual({ reads: false, askAt: Number.POSITIVE_INFINITY });
  });
});
