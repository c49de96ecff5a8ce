// The charts of the last ten minutes. uPlot comes as a classic script.

import { byID, element, setText } from "./dom.js";
import { bytes, clock, compact, milliseconds, percent } from "./format.js";

const { uPlot } = window;
// The charts of a daemon that has just begun show less, or they would be nearly empty.
const windowSeconds = { least: 120, most: 600 };
const heightPx = 116;

// Where samples are missing for so long, the line has a gap.
const gapMs = 5_000;

// difference of a counter between two samples, in units a second. A counter that
// fell belongs to a daemon that was started again.
const rate = field => (now, last) => {
  if (!last || now.t - last.t > gapMs || now[field] < last[field]) return null;
  return (now[field] - last[field]) / ((now.t - last.t) / 1000);
};
const cpuRate = rate("cpu_seconds");
const cpuPercent = (now, last) => {
  const share = cpuRate(now, last);
  return share === null ? null : share * 100;
};
const level = field => now => now[field];
const perSecond = show => n => `${show(n)}/s`;

// binarySteps makes the lines of a scale in bytes round in KiB and MiB.
const binarySteps = Array.from({ length: 50 }, (_, i) => 2 ** i);

// least is how far the scale reaches at least: noise around zero should look small.
const kinds = [
  { title: "Subscribers", value: level("subscribers"), show: compact, least: 4, color: "--people" },
  { title: "Messages", value: rate("published"), show: perSecond(compact), least: 4, color: "--messages" },
  { title: "Deliveries", value: rate("deliveries"), show: perSecond(compact), least: 4, color: "--messages" },
  { title: "Bytes out", value: rate("bytes_out"), show: perSecond(bytes), least: 1024, steps: binarySteps, color: "--messages" },
  { title: "CPU", value: cpuPercent, show: percent, least: 10, color: "--process" },
  { title: "Memory (RSS)", value: level("rss_bytes"), show: bytes, least: 16 << 20, steps: binarySteps, color: "--process" },
  { title: "Loop latency", value: level("latency_ms"), show: milliseconds, least: 1, color: "--process" },
];

// charts are those on the page, each with its uPlot in plot.
export const charts = [];

// makeCharts puts them in front of what the grid holds already.
export function makeCharts() {
  const grid = byID("charts");
  const last = grid.firstElementChild;
  for (const kind of kinds) {
    const chart = makeChart(kind);
    charts.push(chart);
    grid.insertBefore(chart.figure, last);
    new ResizeObserver(() => resize(chart)).observe(chart.area);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(replot));
}

// drawCharts plots samples, oldest first.
export function drawCharts(samples) {
  const times = samples.map(sample => sample.t / 1000);
  for (const chart of charts) {
    chart.data = [times, samples.map((sample, i) => chart.kind.value(sample, samples[i - 1]))];
    if (chart.plot) chart.plot.setData(chart.data);
    else resize(chart);
    tell(chart);
  }
}

function makeChart(kind) {
  const value = element("span", { className: "value" }), peak = element("span", { className: "peak" });
  const area = element("div", { className: "area", role: "img", ariaLabel: `${kind.title}, the last ten minutes` });
  const figure = element("figure", { className: "card chart" },
    element("figcaption", {}, element("h3", {}, kind.title), peak, value), area);
  return { kind, figure, area, value, peak, data: [[], []], plot: null };
}

function resize(chart) {
  const width = Math.floor(chart.area.clientWidth);
  if (width === 0 || chart.data[0].length === 0) return; // there is nothing to scale to
  if (chart.plot) chart.plot.setSize({ width, height: heightPx });
  else chart.plot = new uPlot(options(chart, width), chart.data, chart.area);
}

// replot takes the colors of the style as it is now: a canvas knows no variables.
function replot(chart) {
  chart.plot?.destroy();
  chart.plot = null;
  resize(chart);
}

// tell writes out what a chart shows where the pointer is, or last. The pointer is
// the same for all charts.
function tell(chart) {
  const [times, values] = chart.data;
  const at = chart.plot?.cursor.idx ?? null;
  const value = values[at ?? values.length - 1] ?? null;
  const peak = Math.max(0, ...values);
  setText(chart.value, value === null ? "–" : chart.kind.show(value));
  setText(chart.peak, at === null ? `peak ${chart.kind.show(peak)}` : clock(new Date(times[at] * 1000)));
}

const windowOf = seconds => Math.min(Math.max(seconds, windowSeconds.least), windowSeconds.most);
const minute = seconds => clock(new Date(seconds * 1000)).slice(0, 5);

function options(chart, width) {
  const style = getComputedStyle(document.documentElement);
  const color = name => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color("--quiet"), font: "11px system-ui, sans-serif", gap: 4,
    grid: { stroke: color("--line"), width: 1 }, ticks: { show: false },
  };
  return {
    width, height: heightPx, padding: [6, 14, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: "ssed" }, points: { size: 6 } },
    hooks: { setCursor: [() => tell(chart)] },
    scales: {
      x: { time: true, range: (_, min, max) => [max - windowOf(max - min), max] },
      y: { range: (_, __, max) => [0, Math.max(chart.kind.least, max * 1.1)] },
    },
    axes: [
      { ...axis, size: 18, space: 70, incrs: [60, 120, 300], values: (_, splits) => splits.map(minute) },
      { ...axis, size: 62, space: 24, ...(chart.kind.steps && { incrs: chart.kind.steps }), values: (_, splits) => splits.map(chart.kind.show) },
    ],
    series: [{}, {
      stroke: color(chart.kind.color), fill: color(chart.kind.color + "-fill"), width: 1.5,
      points: { show: false }, spanGaps: false,
    }],
  };
}
