// Text for a terminal: names and targets come from clients, so nothing of them may steer it. Pure.

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]/u;

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `text` without anything but visible characters: control, format (bidi) and combining ones become "?". */
export function visible(text: string): string {
  return text.toWellFormed().replace(/[\p{C}\p{M}\p{Zl}\p{Zp}]/gu, "?");
}

/** Columns that visible text takes in a terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const char of text) columns += WIDE.test(char) ? 2 : 1;
  return columns;
}

/** Text of exactly `columns` columns: filled up, or cut with an ellipsis. */
export function toWidth(text: string, columns: number, align: "left" | "right" = "left"): string {
  const width = columnsOf(text);
  if (width <= columns) {
    const fill = " ".repeat(columns - width);
    return align === "left" ? text + fill : fill + text;
  }
  if (columns <= 0) return "";
  let cut = "";
  let used = 0;
  for (const char of text) {
    const more = columnsOf(char);
    if (used + more > columns - 1) break;
    cut += char;
    used += more;
  }
  return `${cut}…${" ".repeat(columns - 1 - used)}`;
}

/** "1.5 MB": powers of 1,000, three digits that count. */
export function bytes(count: number): string {
  let amount = Math.max(0, count);
  let unit = 0;
  // What rounds to 1,000 belongs to the next unit.
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1_000;
    unit++;
  }
  const digits = unit === 0 || amount >= 99.95 ? 0 : amount >= 9.995 ? 1 : 2;
  return `${amount.toFixed(digits)} ${UNITS[unit]}`;
}

/** "3 d 04:05:06". */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1_000));
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = `${two(Math.floor(s / 3_600) % 24)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return s < 86_400 ? clock : `${Math.floor(s / 86_400)} d ${clock}`;
}
