// Codes of CLOSE (docs/UDPACK.md section 9.4) and of RESET and STOP (section 11). Pure data.

/** Why a session ended. */
export const CLOSE_CODES = {
  none: 0,
  internal: 1,
  frame_malformed: 2,
  flow_control: 3,
  final_size: 4,
  stream_state: 5,
  ack_invalid: 6,
  forgery: 7,
  number_space: 8,
  limit: 9,
  going_away: 10,
  replaced: 11,
  refused: 12,
  idle: 13,
  reset: 14,
  version: 15,
} as const;

export type CloseCode = keyof typeof CLOSE_CODES;

const CLOSE_NAMES = new Map<number, CloseCode>(
  Object.entries(CLOSE_CODES).map(([name, code]) => [code, name as CloseCode]),
);

/** The name of a code from the wire; codes of later versions count as internal. */
export function closeCodeOf(code: number): CloseCode {
  return CLOSE_NAMES.get(code) ?? "internal";
}
