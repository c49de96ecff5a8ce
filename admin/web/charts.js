// The charts of the last ten minutes. uPlot is loaded as a classic script, so it is a global.

import { byID, element, setText } from "./dom.js";
import { bytes, clock, compact, milliseconds, percent } from "./format.js";

const { uPlot } = window;
// The time range of the charts. It is shorter for a daemon that has just started, because the charts
// would be nearly empty.
const windowSeconds = { least: 120, most: 600 };
const heightPx = 116;

// If samples are missing for longer than this, the line has a gap.
const gapMs = 5_000;

// rate returns the increase of a counter between two samples, per second. It returns null if the
// counter has decreased, because the daemon was restarted.
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

// binarySteps are the distances between the lines of a scale in bytes: round numbers of KiB and MiB.
const binarySteps = Array.from({ length: 50 }, (_, i) => 2 ** i);

// The charts. least is the minimum upper end of the scale, so that noise around zero looks small.
const kinds = [
  { title: "Subscribers", value: level("subscribers"), show: compact, least: 4, color: "--people",
    about: "connections that receive an event stream" },
  { title: "Messages", value: rate("published"), show: perSecond(compact), least: 4, color: "--messages",
    about: "messages accepted from publishers, per second" },
  { title: "Deliveries", value: rate("deliveries"), show: perSecond(compact), least: 4, color: "--messages",
    about: "messages per second, each counted once for every subscriber that it is sent to" },
  { title: "Bytes sent", value: rate("bytes_out"), show: perSecond(bytes), least: 1024, steps: binarySteps, color: "--messages",
    about: "bytes of events and heartbeats written to sockets, per second" },
  { title: "CPU", value: cpuPercent, show: percent, least: 10, color: "--process",
    about: "CPU time that the daemon uses; 100 % is one core" },
  { title: "Memory (RSS)", value: level("rss_bytes"), show: bytes, least: 16 << 20, steps: binarySteps, color: "--process",
    about: "resident memory of the daemon" },
  { title: "Loop latency", value: level("latency_ms"), show: milliseconds, least: 1, color: "--process",
    about: "how long the event loop, or the slowest of several, took to answer a request for these figures" },
];

// charts are the charts on the page, each with its uPlot in plot.
export const charts = [];

// makeCharts adds the charts before the existing elements of the grid.
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

// drawCharts plots samples, the oldest first.
export function drawCharts(samples) {
  const times = samples.map(sample => sample.t / 1000);
  for (const chart of charts) {
    chart.data = [times, samples.map((sample, i) => chart.kind.value(sample, samples[i - 1]))];
    if (chart.plot) chart.plot.setData(chart.data);
    else resize(chart);
    updateCaption(chart);
  }
}

function makeChart(kind) {
  const value = element("span", { className: "value" }), peak = element("span", { className: "peak" });
  const area = element("div", { className: "area", role: "img", ariaLabel: `${kind.title}, the last ten minutes` });
  const figure = element("figure", { className: "card chart", title: kind.about },
    element("figcaption", {}, element("h3", {}, kind.title), peak, value), area);
  return { kind, figure, area, value, peak, data: [[], []], plot: null };
}

function resize(chart) {
  const width = Math.floor(chart.area.clientWidth);
  if (width === 0 || chart.data[0].length === 0) return; // nothing to draw yet
  if (chart.plot) chart.plot.setSize({ width, height: heightPx });
  else chart.plot = new uPlot(options(chart, width), chart.data, chart.area);
}

// replot draws a chart again with the current colors of the style sheet, because a canvas does not
// follow changes of CSS variables.
function replot(chart) {
  chart.plot?.destroy();
  chart.plot = null;
  resize(chart);
}

// updateCaption shows the value and the time at the pointer or, without a pointer, the latest value
// and the peak. All charts share one pointer position.
function updateCaption(chart) {
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
    hooks: { setCursor: [() => updateCaption(chart)] },
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
