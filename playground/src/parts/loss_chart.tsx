import { useState } from "preact/hooks";
import { type Axis, axisOf, heightOn } from "../../../src/report/axis.ts";
import { thinCurve } from "../../../src/report/curve.ts";
import { smoothed } from "../../../src/report/losses_of_run.ts";
import { loss as shownLoss } from "../../../web/format.ts";
import type { Curve, Run } from "../store.ts";
import type { Words } from "../words.ts";

const [WIDTH, HEIGHT] = [1000, 400]; // of the drawing; the page stretches it
const POINTS = 400; // of a curve

/** The losses so far. A pointer or the arrow keys choose a step, whose figures are written above. */
export function LossChart({ run, words }: { run: Run; words: Words }) {
  const [chosen, choose] = useState<number>();
  const { loss, heldOut, totalSteps } = run;
  if (loss.steps.length === 0) return null;
  const axis = axisOf([...loss.values, ...heldOut.values], shownLoss, false);
  const last = Math.max(totalSteps, loss.steps.at(-1)!);
  const area: Area = { first: heldOut.steps[0] === 0 ? 0 : 1, last, axis };
  const at = chosen === undefined ? undefined : nearest(loss.steps, chosen);
  const step = at === undefined ? undefined : loss.steps[at]!;
  const move = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const from = at ?? (by > 0 ? -1 : loss.steps.length);
    choose(loss.steps[Math.min(loss.steps.length - 1, Math.max(0, from + by))]);
  };
  const point = (event: PointerEvent & { currentTarget: Element }) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    choose(area.first + ((event.clientX - left) / width) * (area.last - area.first));
  };
  return (
    <figure class="chart">
      <figcaption>
        <h3>{words.loss}</h3>
        <span class="legend">
          <span class="key c1">{words.smoothed}</span>
          {heldOut.steps.length > 0 && <span class="key c2">{words.heldOutLoss}</span>}
        </span>
        <output class="readout">{readout({ run, at, words })}</output>
      </figcaption>
      <div class="plot">
        <div class="ys" aria-hidden="true">
          {axis.labels.map((label) => (
            <span key={label}>{label}</span>
          ))}
        </div>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys read the curve
          tabIndex={0}
          aria-label={words.lossFromTo(
            shownLoss(loss.values[0]!),
            shownLoss(loss.values.at(-1)!),
            loss.steps.at(-1)!,
          )}
          onKeyDown={move}
          onPointerMove={point}
          onPointerLeave={() => choose(undefined)}
          onBlur={() => choose(undefined)}
        >
          <path class="grid" d={gridPath(axis)} />
          <path class="line faint c1" d={linePath(thinCurve(loss, POINTS), area)} />
          <path class="line c1" d={linePath(thinCurve(smoothed(loss), POINTS), area)} />
          <path class="line c2" d={linePath(heldOut, area)} />
          <path class="dots c2" d={dotsPath(heldOut, area)} />
          {step !== undefined && <path class="cursor" d={`M${xOf(step, area).toFixed(1)} 0V${HEIGHT}`} />}
        </svg>
        <div class="xs" aria-hidden="true">
          <span>{area.first}</span>
          <span>{words.atStep(area.last)}</span>
        </div>
      </div>
    </figure>
  );
}

interface Area {
  first: number;
  last: number;
  axis: Axis;
}

const xOf = (step: number, { first, last }: Area) =>
  last === first ? WIDTH / 2 : ((step - first) / (last - first)) * WIDTH;

const pointsOf = ({ steps, values }: Curve, area: Area) =>
  steps.flatMap((step, i) => {
    const y = (1 - heightOn(area.axis, values[i]!)) * HEIGHT;
    return Number.isFinite(y) ? [`${xOf(step, area).toFixed(1)} ${y.toFixed(1)}`] : [];
  });

const linePath = (curve: Curve, area: Area) =>
  pointsOf(curve, area)
    .map((point, i) => `${i === 0 ? "M" : "L"}${point}`)
    .join("");

const dotsPath = (curve: Curve, area: Area) =>
  pointsOf(curve, area)
    .map((point) => `M${point}h0`)
    .join("");

const gridPath = ({ labels }: Axis) =>
  labels.map((_, i) => `M0 ${((i / (labels.length - 1)) * HEIGHT).toFixed(1)}H${WIDTH}`).join("");

function nearest(steps: readonly number[], wanted: number): number {
  let best = 0;
  for (const [i, step] of steps.entries())
    if (Math.abs(step - wanted) < Math.abs(steps[best]! - wanted)) best = i;
  return best;
}

function readout({ run: { loss, heldOut }, at, words }: { run: Run; at?: number; words: Words }): string {
  if (at === undefined) return "";
  const step = loss.steps[at]!;
  const held = heldOut.values[heldOut.steps.indexOf(step)];
  const parts = [`${words.loss} ${shownLoss(loss.values[at]!)}`];
  if (held !== undefined) parts.push(`${words.heldOutLoss} ${shownLoss(held)}`);
  return `${words.atStep(step)}: ${parts.join(" · ")}`;
}
