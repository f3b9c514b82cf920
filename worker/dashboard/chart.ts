// The line of traffic up and down, drawn by ECharts on a canvas in the colours of the style sheet.

import { LineChart, type LineSeriesOption } from "echarts/charts";
import {
  GridComponent,
  type GridComponentOption,
  TooltipComponent,
  type TooltipComponentOption,
} from "echarts/components";
import { type ComposeOption, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import type { Snapshot } from "../../shared/flow/snapshot.ts";
import { STATS_LIMITS } from "../../shared/limits.ts";
import { byId, element, onMediaChange, setAttribute } from "./dom.ts";
import { formatAxisRate, formatRate, formatTime } from "./format.ts";

type Option = ComposeOption<LineSeriesOption | GridComponentOption | TooltipComponentOption>;

use([LineChart, GridComponent, TooltipComponent, CanvasRenderer]);

/** Below this rate the axis does not shrink further: a few bytes should not look like a flood. */
const AXIS_FLOOR_BYTES_PER_S = 8_000;

/** Builds the chart and returns what brings it up to date. */
export function createChart(): (snapshot: Snapshot) => void {
  const host = byId("traffic");
  const chart = init(host, null, { renderer: "canvas" });
  chart.setOption(themedOption());
  new ResizeObserver(() => chart.resize()).observe(host);
  onMediaChange("(prefers-color-scheme: dark)", () => chart.setOption(themedOption()));
  return (snapshot) => {
    const { step_ms, points } = snapshot.series;
    // The newest steps are still filling: drawn, they would always look like a drop.
    const settled = snapshot.at - step_ms - STATS_LIMITS.SERIES_SETTLE_MS;
    const whole = points.filter(([at]) => at <= settled);
    const perSecond = 1000 / step_ms;
    const down = whole.map(([at, , bytes]) => [at, bytes * perSecond]);
    const up = whole.map(([at, bytes]) => [at, bytes * perSecond]);
    chart.setOption({
      series: [
        { id: "down", data: down },
        { id: "up", data: up },
      ],
    });
    const minutes = Math.round((points.length * step_ms) / 60_000);
    const now = `${formatRate(snapshot.rates.down)} down, ${formatRate(snapshot.rates.up)} up`;
    setAttribute(host, "aria-label", `Traffic over the last ${minutes} minutes. Now: ${now}`);
  };
}

/** Everything but the data. Series are merged by id, so a change of theme keeps what is drawn. */
function themedOption(): Option {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const label = { color: colour("--muted"), fontFamily: colour("--font"), fontSize: 12 };
  return {
    animation: false,
    grid: { left: 4, right: 8, top: 16, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: {
      type: "time",
      axisLine: { lineStyle: { color: colour("--line") } },
      axisTick: { show: false },
      axisLabel: { ...label, formatter: (at: number) => formatTime(at).slice(0, 5), hideOverlap: true },
      minInterval: 60_000,
    },
    yAxis: {
      type: "value",
      min: 0,
      max: ({ max }: { max: number }) => (max < AXIS_FLOOR_BYTES_PER_S ? AXIS_FLOOR_BYTES_PER_S : null),
      splitNumber: 4,
      splitLine: { lineStyle: { color: colour("--line") } },
      axisLabel: { ...label, formatter: formatAxisRate },
    },
    tooltip: {
      trigger: "axis",
      confine: true,
      transitionDuration: 0,
      className: "chart-tip",
      backgroundColor: colour("--card"),
      borderColor: colour("--line"),
      padding: 0,
      axisPointer: { type: "line", lineStyle: { color: colour("--muted"), type: "solid", width: 1 } },
      formatter: describePoint,
    },
    series: [line("down", colour("--down")), line("up", colour("--up"))],
  };
}

function line(id: "down" | "up", colour: string): LineSeriesOption {
  return {
    id,
    name: id === "down" ? "Down" : "Up",
    type: "line",
    showSymbol: false,
    lineStyle: { width: 2, color: colour },
    itemStyle: { color: colour },
    areaStyle: { color: colour, opacity: id === "down" ? 0.14 : 0.08 },
    emphasis: { disabled: true },
  };
}

/** An element, because markup as text would need inline styles, which the page's policy refuses. */
function describePoint(params: unknown): HTMLElement {
  const points = (Array.isArray(params) ? params : [params]) as {
    seriesId: string;
    data: [number, number];
  }[];
  const lines = points.map(({ seriesId, data }) =>
    element("div", { class: seriesId === "up" ? "up" : "down" }, formatRate(data[1])),
  );
  return element("div", { class: "tip" }, element("time", {}, formatTime(points[0]?.data[0] ?? 0)), ...lines);
}
