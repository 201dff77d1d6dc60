import { useMemo } from "preact/hooks";
import { smoothed } from "../../../src/report/losses_of_run.ts";
import { count, loss as shownLoss } from "../../../web/format.ts";
import type { Curve, RunView } from "../api_types.ts";
import { ScrollBox } from "../parts/scroll_box.tsx";
import { useWords } from "../words_in_use.ts";
import { type Line, LineChart } from "./line_chart.tsx";

export function CurvesPart({ run: { curves, job } }: { run: RunView }) {
  const { words, language } = useWords();
  const { loss, evalLoss, learningRate, tokensPerSecond, gradNorm } = curves;
  const lines = useMemo(() => lossLines({ loss, evalLoss }, words), [loss, evalLoss, words]);
  const rateLines = useMemo(() => single(learningRate, words.rate), [learningRate, words]);
  const speedLines = useMemo(() => single(tokensPerSecond, words.speed), [tokensPerSecond, words]);
  const normLines = useMemo(() => single(gradNorm, words.gradNorm), [gradNorm, words]);
  if (!loss || loss.steps.length === 0)
    return ["queued", "running"].includes(job.status) ? (
      <section class="card">
        <h2>{words.curves}</h2>
        <p class="empty">{words.noStepYet}</p>
      </section>
    ) : null;
  const step = words.step;
  const first = loss.values.find((value) => value !== null) ?? 0;
  const last = loss.values.findLast((value) => value !== null) ?? 0;
  return (
    <section class="card" aria-labelledby="curves-title">
      <h2 id="curves-title">{words.curves}</h2>
      <p class="note">{words.curvesHint}</p>
      <h3>{words.loss}</h3>
      <LineChart
        lines={lines}
        height={260}
        show={shownLoss}
        stepLabel={step}
        label={words.lossFromTo(shownLoss(first), shownLoss(last), loss.steps.at(-1)!)}
      />
      <LossTable loss={lines[1] ?? lines[0]!} heldOut={evalLoss} />
      <div class="small-charts">
        <Small title={words.rate} lines={rateLines} show={(value) => value.toExponential(1)} step={step} />
        <Small
          title={words.speed}
          lines={speedLines}
          show={(value) => count(Math.round(value), language)}
          step={step}
        />
        <Small title={words.gradNorm} lines={normLines} show={shownLoss} step={step} />
      </div>
    </section>
  );
}

const ROWS = 12;

/** The same for those who don't see the curves. */
function LossTable({ loss, heldOut }: { loss: Curve; heldOut?: Curve }) {
  const { words } = useWords();
  const every = Math.max(1, Math.ceil(loss.steps.length / ROWS));
  const chosen = loss.steps.filter((_, i) => i % every === 0 || i === loss.steps.length - 1);
  const steps = [...new Set([...chosen, ...(heldOut?.steps ?? []).slice(-ROWS)])].sort((a, b) => a - b);
  const at = (curve: Curve | undefined, step: number) => {
    const value = curve?.values[curve.steps.indexOf(step)];
    return typeof value === "number" ? shownLoss(value) : "–";
  };
  return (
    <details>
      <summary>{words.asTable}</summary>
      <ScrollBox class="table-scroll" label={words.loss}>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.step}</th>
              <th scope="col">
                {words.loss} ({words.smoothed})
              </th>
              {heldOut && <th scope="col">{words.heldOutLoss}</th>}
            </tr>
          </thead>
          <tbody>
            {steps.map((step) => (
              <tr key={step}>
                <th scope="row">{step}</th>
                <td>{at(loss, step)}</td>
                {heldOut && <td>{at(heldOut, step)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollBox>
    </details>
  );
}

interface SmallProps {
  title: string;
  lines: readonly Line[];
  step: string;
  show(value: number): string;
}

function Small({ title, lines, show, step }: SmallProps) {
  if (lines.length === 0) return null;
  return (
    <div>
      <h3>{title}</h3>
      <LineChart lines={lines} height={130} show={show} stepLabel={step} label={title} />
    </div>
  );
}

const single = (curve: Curve | undefined, label: string): Line[] =>
  curve ? [{ ...curve, label, color: "c1" }] : [];

type LossWords = Pick<ReturnType<typeof useWords>["words"], "loss" | "smoothed" | "heldOutLoss">;

/** The loss of each step, behind what it is on average, and that of the rows held out. */
export function lossLines({ loss, evalLoss }: { loss?: Curve; evalLoss?: Curve }, words: LossWords): Line[] {
  if (!loss) return [];
  const numbers = { steps: loss.steps, values: loss.values.map((value) => value ?? Number.NaN) };
  return [
    { ...loss, label: words.loss, color: "c1", isFaint: true },
    { ...smoothed(numbers), label: words.smoothed, color: "c1" },
    ...(evalLoss ? [{ ...evalLoss, label: words.heldOutLoss, color: "c2", hasPoints: true }] : []),
  ];
}
