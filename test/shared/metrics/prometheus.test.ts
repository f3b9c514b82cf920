import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MetricFamily, metricsText } from "../../../shared/metrics/prometheus.ts";

/** One line of a sample as the format defines it. */
const SAMPLE =
  /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="(\\[\\"n]|[^\\"\n])*"(,[a-zA-Z_][a-zA-Z0-9_]*="(\\[\\"n]|[^\\"\n])*")*\})? (NaN|[+-]Inf|-?[0-9.]+(e[+-]?[0-9]+)?)$/;

function counter(labels: Record<string, string>, value = 1): MetricFamily {
  return { name: "a_total", help: "A.", type: "counter", samples: [{ labels, value }] };
}

function samplesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

describe("metricsText", () => {
  it("writes help, type and samples of each family, with labels sorted", () => {
    const families: MetricFamily[] = [
      counter({ b: "2", a: "1" }, 7),
      { name: "g", help: "G.", type: "gauge", samples: [{ value: 0.5 }] },
    ];
    expect(metricsText(families)).toBe(
      '# HELP a_total A.\n# TYPE a_total counter\na_total{a="1",b="2"} 7\n# HELP g G.\n# TYPE g gauge\ng 0.5\n',
    );
  });

  it("sums up a histogram's buckets and ends with the one without a bound", () => {
    const text = metricsText([
      {
        name: "t_seconds",
        help: "T.",
        type: "histogram",
        samples: [{ labels: { c: "x" }, bounds: [0.1, 1], counts: [2, 1, 4], sum: 9.5 }],
      },
    ]);
    expect(samplesOf(text)).toEqual([
      't_seconds_bucket{c="x",le="0.1"} 2',
      't_seconds_bucket{c="x",le="1"} 3',
      't_seconds_bucket{c="x",le="+Inf"} 7',
      't_seconds_sum{c="x"} 9.5',
      't_seconds_count{c="x"} 7',
    ]);
  });

  it("escapes backslash, quote and line feed in values, backslash and line feed in help", () => {
    expect(samplesOf(metricsText([counter({ a: 'b\\c"d\ne' })]))).toEqual(['a_total{a="b\\\\c\\"d\\ne"} 1']);
    expect(metricsText([{ ...counter({}), help: 'a\\b\n"c"' }])).toContain('# HELP a_total a\\\\b\\n"c"\n');
  });

  it("never mistakes a label for a bucket's bound", () => {
    expect(samplesOf(metricsText([counter({ le: "1" })]))).toEqual(['a_total{le_="1"} 1']);
  });

  it("writes infinities and what is no number as the format spells them", () => {
    const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e21];
    const texts = values.map((value) => samplesOf(metricsText([counter({}, value)]))[0]);
    expect(texts).toEqual(["a_total +Inf", "a_total -Inf", "a_total NaN", "a_total 1e+21"]);
  });

  it("gives a scraper lines that it can read, whatever names and values are", () => {
    const label = fc.dictionary(fc.string({ unit: "binary", minLength: 1 }), fc.string({ unit: "binary" }));
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), label, fc.double(), (name, labels, value) => {
        const text = metricsText([{ name, help: name, type: "gauge", samples: [{ labels, value }] }]);
        expect(text.split("\n")).toHaveLength(4);
        for (const line of samplesOf(text)) expect(line).toMatch(SAMPLE);
      }),
    );
  });
});
