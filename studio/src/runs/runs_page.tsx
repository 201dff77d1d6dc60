import { useState } from "preact/hooks";
import { percent, loss as shownLoss } from "../../../web/format.ts";
import type { List, RunLine } from "../api_types.ts";
import { Fault } from "../parts/fault.tsx";
import { StatusBadge } from "../parts/status_badge.tsx";
import { linkTo } from "../router.ts";
import { usePolled } from "../use_polled.ts";
import { useWords } from "../words_in_use.ts";
import { runName, when } from "./run_words.ts";

const isOver = ({ job: { status } }: RunLine) => !["queued", "running"].includes(status);

export function RunsPage() {
  const { words, language } = useWords();
  const { value, failure } = usePolled<List<RunLine>>("/attune/runs", ({ data }) =>
    data.every(isOver) ? 10_000 : 2000,
  );
  const [chosen, setChosen] = useState<string[]>([]);
  const toggle = (id: string) =>
    setChosen(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id]);
  const canCompare = chosen.length >= 2;
  return (
    <>
      <h1>{words.runs}</h1>
      <Fault failure={failure} />
      {value?.data.length === 0 && (
        <div class="empty">
          <p>{words.noRuns}</p>
          <a class="button main" href={linkTo.new}>
            {words.newRun}
          </a>
        </div>
      )}
      {value && value.data.length > 0 && (
        <>
          <div class="toolbar">
            <p class="note">{canCompare ? words.chosenRuns(chosen.length) : words.compareHint}</p>
            <a
              class={canCompare ? "button main" : "button disabled"}
              aria-disabled={!canCompare}
              href={canCompare ? linkTo.compare(chosen) : undefined}
            >
              {words.compare}
            </a>
          </div>
          <ul class="run-list">
            {value.data.map((line) => (
              <li key={line.job.id} class="card run-line">
                <input
                  type="checkbox"
                  aria-label={words.chooseRun(runName(line.job))}
                  disabled={line.step === 0}
                  checked={chosen.includes(line.job.id)}
                  onChange={() => toggle(line.job.id)}
                />
                <a href={linkTo.run(line.job.id)}>
                  <strong>{runName(line.job)}</strong>
                  <span class="note">{when(line.job.created_at, language)}</span>
                </a>
                <StatusBadge status={line.job.status} />
                <dl class="figures">
                  <Figure name={words.step} value={stepOf(line)} />
                  <Figure name={words.loss} value={line.loss === null ? undefined : shownLoss(line.loss)} />
                  <Figure
                    name={words.heldOutLoss}
                    value={line.held_out_loss === null ? undefined : shownLoss(line.held_out_loss)}
                  />
                </dl>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

const Figure = ({ name, value }: { name: string; value?: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value ?? "–"}</dd>
  </div>
);

function stepOf({ step, total_steps: total }: RunLine): string | undefined {
  if (step === 0) return undefined;
  return total ? `${step}/${total} (${percent(step / total)})` : String(step);
}
