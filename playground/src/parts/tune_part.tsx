import { compact, count, duration } from "../../../web/format.ts";
import { goOn, stop, tune } from "../actions.ts";
import { adviceFor } from "../advice_for.ts";
import type { PartProps } from "../app.tsx";
import { asksForColumns, usedRows } from "../rows.ts";
import { stepsOf } from "../settings.ts";
import { isTuning, type State } from "../store.ts";
import { Fault } from "./fault.tsx";
import { LossChart } from "./loss_chart.tsx";

export function TunePart({ state, words }: PartProps) {
  const { run } = state;
  return (
    <section class="card" aria-labelledby="tune-title">
      <h2 id="tune-title">
        <span class="number">4</span> {words.tune}
      </h2>
      <Buttons state={state} words={words} />
      <p role="status" class="status">
        {statusText({ state, words })}
      </p>
      {hasUnusable(state) && !isTuning(run) && <p class="note">{words.fixRows}</p>}
      <Fault failure={run.failure} words={words} />
      <Progress state={state} words={words} />
      <LossChart run={run} words={words} />
      {run.loss.steps.length > 0 && <p class="note">{words.lossHint}</p>}
    </section>
  );
}

function Buttons({ state, words }: PartProps) {
  const { run, model } = state;
  if (isTuning(run))
    return (
      <div class="buttons">
        <button
          key="stop"
          type="button"
          class="main"
          disabled={run.status !== "running"}
          onClick={() => void stop()}
        >
          {run.status === "stopping" ? words.stopping : words.stop}
        </button>
      </div>
    );
  const canGoOn = run.input && run.saved > 0 && run.saved < run.totalSteps && run.status !== "done";
  return (
    <div class="buttons">
      {canGoOn && (
        <button
          key="go-on"
          type="button"
          class="main"
          disabled={!model.info || model.opening}
          onClick={() => void goOn()}
        >
          {words.goOn(run.saved)}
        </button>
      )}
      <button
        key="tune"
        type="button"
        class={canGoOn ? "" : "main"}
        disabled={!isReady(state)}
        onClick={() => void tune()}
      >
        {run.status === "idle" ? words.start : words.startAgain}
      </button>
    </div>
  );
}

const isReady = ({ check, model }: State) =>
  model.info !== undefined &&
  !model.opening &&
  !check.isRunning &&
  check.result !== undefined &&
  !hasUnusable({ check });

const hasUnusable = ({ check }: Pick<State, "check">) => (check.result?.report.unusable.length ?? 0) > 0;

/** Said to those who don't see the bar, too: only when something else begins. */
function statusText({ state, words }: PartProps): string {
  const { run, check, settings, rows, language } = state;
  if (run.status === "preparing") return words.preparing;
  if (run.status === "done") return words.done(run.step);
  if (run.status === "stopped") return words.stopped(run.step, run.totalSteps);
  if (run.status === "failed") return `${words.failed} ${run.saved > 0 ? words.failedSaved(run.saved) : ""}`;
  if (run.status !== "idle") return "";
  if (asksForColumns(state)) return words.chooseColumns;
  if (check.failure) return words.fixRows;
  if (rows.length === 0 || !check.result)
    return check.isRunning && rows.length > 0 ? words.checking : words.needRows;
  const { train } = check.result;
  const steps = stepsOf(settings, adviceFor(state), { rows, train });
  return words.ready(usedRows(rows).rows.length, steps).replace(/\d{4,}/g, (n) => count(Number(n), language));
}

function Progress({ state: { run, language }, words }: PartProps) {
  if (run.totalSteps === 0) return null;
  const { step, totalSteps, tokensPerSecond, secondsLeft, trainedParameters } = run;
  const figures = [
    [words.loss, run.loss.values.at(-1)?.toFixed(3)],
    [words.speed, tokensPerSecond && count(Math.round(tokensPerSecond), language)],
    [words.left, secondsLeft !== undefined && isTuning(run) ? duration(secondsLeft) : undefined],
    [words.trainedWeights, trainedParameters && compact(trainedParameters, language, "short")],
  ] as const;
  return (
    <>
      <div
        class="progress"
        role="progressbar"
        aria-valuemin={0}
        aria-valuemax={totalSteps}
        aria-valuenow={step}
        aria-valuetext={words.running(step, totalSteps)}
        aria-label={words.tune}
      >
        <div style={{ width: `${(100 * step) / totalSteps}%` }} />
      </div>
      <p class="note" aria-hidden="true">
        {words.running(step, totalSteps)}
      </p>
      <dl class="tiles">
        {figures
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name} class="tile">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </>
  );
}
