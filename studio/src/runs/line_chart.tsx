import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Curve } from "../api_types.ts";

export interface Line extends Curve {
  label: string;
  /** A custom property of the style: c1 to c6. */
  color: string;
  /** A background to another line: thin, and pale. */
  isFaint?: boolean;
  /** Few points, each marked. */
  hasPoints?: boolean;
}

interface LineChartProps {
  lines: readonly Line[];
  /** What it shows, for those who don't see it. */
  label: string;
  height: number;
  show(value: number): string;
  stepLabel: string;
}

/** Curves over steps. Pointing at them shows their values; dragging zooms, a double click shows all again. */
export function LineChart({ lines, label, height, show, stepLabel }: LineChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const shape = JSON.stringify([lines.map(({ label, color }) => [label, color]), height, stepLabel]);
  useEffect(() => {
    const box = place.current!;
    const draw = () => {
      chart.current?.destroy();
      const options = optionsOf(lines, { width: box.clientWidth, height, show, stepLabel });
      chart.current = new uPlot(options, dataOf(lines), box);
    };
    draw();
    const size = new ResizeObserver(() => {
      const { clientWidth: width } = box;
      if (width > 0 && width !== chart.current?.width) chart.current?.setSize({ width, height });
    });
    size.observe(box);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw); // a canvas keeps its colours
    return () => {
      size.disconnect();
      scheme.removeEventListener("change", draw);
      chart.current?.destroy();
    };
  }, [shape]);
  useEffect(() => chart.current?.setData(dataOf(lines)), [lines]);
  return <div class="line-chart" ref={place} role="img" aria-label={label} />;
}

/** The curves over the steps of all of them. */
function dataOf(lines: readonly Line[]): uPlot.AlignedData {
  const tables = lines.map(({ steps, values }) => [steps, values] as uPlot.AlignedData);
  return tables.length === 1 ? tables[0]! : uPlot.join(tables);
}

/** The value of a series where the cursor is; there is no place where it is elsewhere. */
type PointedAt = (
  chart: uPlot,
  value: number,
  series: number,
  at: number | null,
) => number | null | undefined;

interface Look {
  width: number;
  height: number;
  show(value: number): string;
  stepLabel: string;
}

function optionsOf(lines: readonly Line[], { width, height, show, stepLabel }: Look): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const axis: uPlot.Axis = {
    stroke: color("dim"),
    grid: { stroke: color("rule"), width: 1 },
    ticks: { stroke: color("rule"), width: 1, size: 4 },
    font: "12px system-ui, sans-serif",
  };
  const shown = (value: number | null | undefined) =>
    value === null || value === undefined ? "–" : show(value);
  /** What is pointed at; otherwise the last there is. */
  const pointed: PointedAt = (chart, value, series, at) =>
    at === null || at === undefined ? lastOf(chart.data?.[series]) : value;
  return {
    width,
    height,
    scales: { x: { time: false } },
    axes: [
      {
        ...axis,
        size: 28,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000],
      },
      { ...axis, size: 54, values: (_, splits) => splits.map(shown) },
    ],
    series: [
      { label: stepLabel, value: (...at) => String(pointed(...at) ?? "–") },
      ...lines.map(({ label, color: name, isFaint, hasPoints }) => ({
        label,
        stroke: color(name) + (isFaint ? "66" : ""),
        width: isFaint ? 1 : 2,
        spanGaps: true,
        points: { show: hasPoints === true, size: 7, fill: color(name) },
        value: (...at: Parameters<PointedAt>) => shown(pointed(...at)),
      })),
    ],
    cursor: { points: { size: 7 } },
  };
}

const lastOf = (values: ArrayLike<number | null | undefined> = []) =>
  Array.from(values).findLast((value) => value !== null && value !== undefined);
