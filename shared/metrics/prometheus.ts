// Metric families as Prometheus reads them: the text exposition format, version 0.0.4, whose escapes OpenMetrics shares.
// Pure: what is counted, and how often labels may vary, is the caller's business. It never throws: what a scraper could not
// parse is put right or left out, because one bad sample would cost the whole scrape.

/** The media type to answer with. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels?: Labels;
  /** Upper bounds in rising order, in the family's unit; the last bucket, without a bound, is implied. */
  readonly bounds: readonly number[];
  /** How many fell into each bucket and none before it: one more than there are bounds, missing ones are 0. */
  readonly counts: readonly number[];
  /** Of all values. */
  readonly sum: number;
}

interface Named {
  /** By convention with its unit, counters ending in `_total`. */
  readonly name: string;
  readonly help: string;
}

export type MetricFamily =
  | (Named & { readonly type: "counter" | "gauge"; readonly samples: readonly Sample[] })
  | (Named & { readonly type: "histogram"; readonly samples: readonly HistogramSample[] });

/** The exposition of `families`, in their order; a family without samples only says that it exists. */
export function metricsText(families: Iterable<MetricFamily>): string {
  const lines: string[] = [];
  for (const family of families) {
    const name = safeName(family.name);
    lines.push(`# HELP ${name} ${escapeHelp(family.help)}`, `# TYPE ${name} ${family.type}`);
    if (family.type === "histogram")
      for (const sample of family.samples) lines.push(...histogramLines(name, sample));
    else for (const { labels, value } of family.samples) lines.push(line(name, labelText(labels), value));
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function line(name: string, labels: readonly string[], value: number): string {
  const braces = labels.length === 0 ? "" : `{${labels.join(",")}}`;
  return `${name}${braces} ${numberText(value)}`;
}

function histogramLines(name: string, { labels, bounds, counts, sum }: HistogramSample): string[] {
  const own = labelText(labels);
  const lines: string[] = [];
  let below = 0;
  for (const [i, bound] of [...bounds, Number.POSITIVE_INFINITY].entries()) {
    below += counts[i] ?? 0;
    lines.push(line(`${name}_bucket`, [...own, `le="${numberText(bound)}"`], below));
  }
  lines.push(line(`${name}_sum`, own, sum), line(`${name}_count`, own, below));
  return lines;
}

/** Sorted by name, so that a sample looks the same whoever built it. `le` would be mistaken for a bucket's bound. */
function labelText(labels: Labels = {}): string[] {
  return Object.keys(labels)
    .sort()
    .map((name) => `${safeLabel(name)}="${escapeValue(labels[name] ?? "")}"`);
}

/** A metric's name: `[a-zA-Z_:][a-zA-Z0-9_:]*`. */
function safeName(name: string): string {
  const safe = name.replace(/[^a-zA-Z0-9_:]/g, "_");
  return /^[a-zA-Z_:]/.test(safe) ? safe : `_${safe}`;
}

/** A label's name: the same without colons. */
function safeLabel(name: string): string {
  const safe = safeName(name).replaceAll(":", "_");
  return safe === "le" ? "le_" : safe;
}

/** A lone half of a surrogate pair has no UTF-8, and the format is UTF-8. */
function escapeValue(text: string): string {
  return text.toWellFormed().replace(/[\\"\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`));
}

function escapeHelp(text: string): string {
  return text.toWellFormed().replace(/[\\\n]/g, (char) => (char === "\n" ? "\\n" : "\\\\"));
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}
