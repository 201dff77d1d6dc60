import { type Axis, axisOf, heightOn } from "./axis.ts";
import { type Curve, thinCurve } from "./curve.ts";
import { type Html, html, trustedHtml } from "./html.ts";

export interface Series {
  name: string;
  curve: Curve;
  /** A colour of the page's palette, from 1. */
  color: number;
  /** As a line when left out; `faint` stands behind others, `points` are marked. */
  look?: "line" | "faint" | "points";
}

export interface ChartOptions {
  title: string;
  series: readonly Series[];
  /** How values are written. */
  show: (value: number) => string;
  /** Whether the axis begins at zero. */
  fromZero?: boolean;
  /** Takes a whole row of the page. */
  wide?: boolean;
}

const [WIDTH, HEIGHT] = [1000, 400]; // of the drawing; the page stretches it
const POINTS = 600; // of a curve
/** Colours of the page's palette. */
const COLORS = 8;

/**
 * Curves over steps. The labels are text beside a drawing that is stretched, so that they stay readable on a phone.
 * Nothing where no curve has a finite point.
 */
export function chart({ title, series, show, fromZero, wide }: ChartOptions): Html {
  const thin = series.map((one) => ({ ...one, curve: thinCurve(one.curve, POINTS) }));
  const values = thin.flatMap(({ curve }) => curve.values);
  if (!values.some(Number.isFinite)) return html``;
  const steps = thin.flatMap(({ curve }) => curve.steps);
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const axis = axisOf(values, show, fromZero);
  const area = { first, last, axis };
  const paths = thin.map((one) => seriesPath(one, area));
  return html`<figure class="${wide ? "chart wide" : "chart"}">
<figcaption><h3>${title}</h3>${legend(series)}<output class="readout"></output></figcaption>
<div class="plot"><div class="ys" aria-hidden="true">${axis.labels.map((label) => html`<span>${label}</span>`)}</div>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" tabindex="0" aria-label="${described(title, series, show)}" data-first="${first}" data-last="${last}" data-low="${axis.low}" data-high="${axis.high}"${axis.isLog ? trustedHtml(" data-log") : undefined}>
<path class="grid" d="${gridPath(axis)}"/>${paths}<path class="cursor" d=""/></svg>
<div class="xs" aria-hidden="true">${stepLabels(first, last).map((label) => html`<span>${label}</span>`)}</div></div>
${notFiniteNote(series)}</figure>`;
}

interface Area {
  first: number;
  last: number;
  axis: Axis;
}

function seriesPath({ name, curve, color, look = "line" }: Series, { first, last, axis }: Area): Html {
  const x = (step: number) => (last === first ? WIDTH / 2 : ((step - first) / (last - first)) * WIDTH);
  const y = (value: number) => (1 - heightOn(axis, value)) * HEIGHT;
  const points = curve.steps.map((step, i) => [x(step), y(curve.values[i]!)] as const);
  const drawn = points.map(([x, y]) => (Number.isFinite(y) ? `${x.toFixed(1)} ${y.toFixed(2)}` : undefined));
  const line = drawn.map((at, i) => at && `${drawn[i - 1] ? "L" : "M"}${at}`).join("");
  const dots = drawn.map((at) => at && `M${at}h0`).join("");
  const palette = paletteOf(color);
  const isMarked = look === "points" || points.length === 1;
  return html`<path class="line ${palette} ${look}" d="${line}" data-name="${name}"/>${isMarked && html`<path class="dots ${palette}" d="${dots}"/>`}`;
}

const paletteOf = (color: number) => `c${((color - 1) % COLORS) + 1}${color > COLORS ? " dashed" : ""}`;

/** A single name only repeats the title. */
function legend(series: readonly Series[]): Html | undefined {
  if (series.length < 2) return undefined;
  const shown = series.filter(({ look }) => look !== "faint");
  return html`<span class="legend">${shown.map(({ name, color }) => html`<span class="key ${paletteOf(color)}">${name}</span>`)}</span>`;
}

function gridPath({ labels }: Axis): string {
  return labels.map((_, i) => `M0 ${((i / (labels.length - 1)) * HEIGHT).toFixed(1)}H${WIDTH}`).join("");
}

/** Evenly spaced, from the first to the last step. */
function stepLabels(first: number, last: number): string[] {
  const whole = [4, 5, 3].find((count) => (last - first) % count === 0) ?? 4;
  const count = Math.min(whole, last - first);
  if (count === 0) return [`step ${first}`];
  const labels = Array.from({ length: count + 1 }, (_, i) =>
    Math.round(first + ((last - first) * i) / count),
  );
  return labels.map((step, i) => (i === count ? `step ${step}` : String(step)));
}

/** What the drawing says, for those who don't see it. */
function described(title: string, series: readonly Series[], show: (value: number) => string): string {
  const parts = series
    .filter(({ look }) => look !== "faint")
    .flatMap(({ name, curve }) => {
      const finite = curve.values.flatMap((value, i) => (Number.isFinite(value) ? [i] : []));
      if (finite.length === 0) return [];
      const at = (i: number) => `${show(curve.values[i]!)} at step ${curve.steps[i]}`;
      return [`${name} from ${at(finite[0]!)} to ${at(finite.at(-1)!)}`];
    });
  return `${title}: ${parts.join("; ")}`;
}

function notFiniteNote(series: readonly Series[]): Html | undefined {
  const missing = Math.max(
    0,
    ...series.map(({ curve }) => curve.values.filter((value) => !Number.isFinite(value)).length),
  );
  if (missing === 0) return undefined;
  return html`<p class="note">${missing} ${missing === 1 ? "value is" : "values are"} not a number</p>`;
}
