import { useState } from "preact/hooks";
import type { RecordedEvaluation } from "../../../src/report/run_record.ts";
import { type Failure, failureOf, post } from "../api.ts";
import type { RunView, StudioTask } from "../api_types.ts";
import { Fault } from "../parts/fault.tsx";
import { ScrollBox } from "../parts/scroll_box.tsx";
import { useWords } from "../words_in_use.ts";
import { Answer } from "./answers_part.tsx";
import { shownScore } from "./run_words.ts";
import { TaskLine } from "./task_line.tsx";

interface Sample {
  question: string;
  references: string[];
  base?: string;
  tuned?: string;
}

interface EvaluationPartProps {
  run: RunView;
  tasks: readonly StudioTask[];
  again(): void;
}

/** Base against tuned, on the rows held out. */
export function EvaluationPart({ run, tasks, again }: EvaluationPartProps) {
  const { words } = useWords();
  const [failure, setFailure] = useState<Failure>();
  if (run.job.status !== "succeeded") return null;
  const [task] = tasks.filter(({ kind }) => kind === "evaluate");
  const isOpen = task?.status === "queued" || task?.status === "running";
  const evaluation = run.evaluation as (RecordedEvaluation & { samples: Sample[] }) | null;
  const hasHeldOut = (run.recipe as { evaluation?: unknown } | null)?.evaluation !== undefined;
  const start = async () => {
    try {
      await post(`/attune/runs/${run.job.id}/evaluate`, { generate: ANSWERS });
      setFailure(undefined);
    } catch (error) {
      setFailure(failureOf(error));
    }
    again();
  };
  return (
    <section class="card" aria-labelledby="evaluation-title">
      <div class="title-line">
        <h2 id="evaluation-title">{words.evaluation}</h2>
        {hasHeldOut && (
          <button
            type="button"
            class={evaluation ? "" : "main"}
            disabled={isOpen}
            onClick={() => void start()}
          >
            {evaluation ? words.evaluateAgain : words.evaluate}
          </button>
        )}
      </div>
      <p class="note">{hasHeldOut ? words.evaluationHint : words.nothingHeldOut}</p>
      <Fault failure={failure} />
      {task && <TaskLine task={task} name={words.evaluation} again={again} />}
      {evaluation && <Scores evaluation={evaluation} />}
      {evaluation && evaluation.samples.length > 0 && <Samples samples={evaluation.samples} />}
    </section>
  );
}

const ANSWERS = 50; // held-out rows that are answered

/** Lower is better of these alone. */
const FALLS = new Set(["loss", "perplexity"]);

function Scores({ evaluation: { base, tuned, difference } }: { evaluation: RecordedEvaluation }) {
  const { words } = useWords();
  const isBetter = (name: string, value: number) => (FALLS.has(name) ? value < 0 : value > 0);
  return (
    <ScrollBox class="table-scroll" label={words.evaluation}>
      <table>
        <thead>
          <tr>
            <th scope="col">{words.score}</th>
            <th scope="col">{words.base}</th>
            <th scope="col">{words.tuned}</th>
            <th scope="col">{words.difference}</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(base).map(([name, { value }]) => {
            const now = tuned?.[name]?.value;
            const change = difference?.[name];
            const isSure = change !== undefined && change.p < 0.05;
            return (
              <tr key={name}>
                <th scope="row">{words.scores[name] ?? name}</th>
                <td>{shownScore(name, value)}</td>
                <td>{now === undefined ? "–" : shownScore(name, now)}</td>
                <td class={isSure ? (isBetter(name, change.value) ? "better" : "worse") : ""}>
                  {change ? signed(name, change.value) : "–"}
                  {isSure && (
                    <span class="visually-hidden">
                      {" "}
                      {isBetter(name, change.value) ? words.better : words.worse}
                    </span>
                  )}
                  {isSure && <span aria-hidden="true"> {isBetter(name, change.value) ? "▲" : "▼"}</span>}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <p class="note">{words.sureHint}</p>
    </ScrollBox>
  );
}

const signed = (name: string, value: number) =>
  (value > 0 ? "+" : value < 0 ? "−" : "") + shownScore(name, Math.abs(value));

function Samples({ samples }: { samples: readonly Sample[] }) {
  const { words } = useWords();
  return (
    <details>
      <summary>{words.answersOf(samples.length)}</summary>
      <ul class="samples">
        {samples.map(({ question, references, base, tuned }, i) => (
          <li key={i}>
            <p class="question">{question}</p>
            <div class="answers">
              <Answer name={words.expected} text={references[0] ?? ""} />
              {base !== undefined && (
                <Answer name={words.base} text={base} isRight={references.includes(base.trim())} />
              )}
              {tuned !== undefined && (
                <Answer name={words.tuned} text={tuned} isRight={references.includes(tuned.trim())} />
              )}
            </div>
          </li>
        ))}
      </ul>
    </details>
  );
}
