// How numbers and times read on the page. Pure: no DOM, no clock.
// Sizes are binary (KiB, MiB) and rates decimal (kB/s, MB/s), as in causeway.toml.

const SIZE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const RATE_UNITS = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"] as const;

/** What stands for a number that does not exist, such as a share of nothing. */
export const NOTHING = "–";

const counts = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const times = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** At least three significant digits, in the largest unit that keeps the number at 1 or more. */
function scale(value: number, step: number, units: readonly string[]): string {
  let scaled = value;
  let unit = 0;
  // What would round to a whole step is 1.00 of the next unit.
  while (scaled >= step - 0.5 && unit < units.length - 1) {
    scaled /= step;
    unit++;
  }
  const digits = unit === 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${units[unit]}`;
}

/** Bytes as "0 B", "1.50 KiB", "64.0 MiB". */
export function formatBytes(bytes: number): string {
  return scale(bytes, 1024, SIZE_UNITS);
}

/** Bytes per second as "0 B/s", "1.20 kB/s", "12.5 MB/s". */
export function formatRate(bytesPerSecond: number): string {
  return scale(bytesPerSecond, 1000, RATE_UNITS);
}

/** A rate without needless zeros, for the round numbers beside an axis. */
export function formatAxisRate(bytesPerSecond: number): string {
  return formatRate(bytesPerSecond).replace(/\.0+ /, " ");
}

/** A whole number with the reader's separators. */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** Requests per second: one decimal while small. */
export function formatFrequency(perSecond: number): string {
  return `${perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : counts.format(perSecond)}/s`;
}

/** Local time of day, hh:mm:ss. */
export function formatTime(at: number): string {
  return times.format(at);
}

/** Local date and time. */
export function formatDateTime(at: number): string {
  return dates.format(at);
}

/** A day in UTC, as configurations write it: "2027-12-31". */
export function formatDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** Milliseconds as "4 s", "3 min 5 s", "2 h 4 min", "3 d 1 h". */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A short time as "0 ms", "85 ms", "1.25 s". */
export function formatLatency(ms: number): string {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** A part of all packets in percent, with one decimal while small: half a percent already costs TCP its speed. */
export function formatLoss(part: number): string {
  const percent = 100 * part;
  return `${percent > 0 && percent < 9.95 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** A part of a whole in percent; of nothing there is no share. */
export function formatShare(part: number, whole: number): string {
  return whole > 0 ? `${Math.round((100 * part) / whole)} %` : NOTHING;
}
