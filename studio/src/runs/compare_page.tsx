import { useMemo } from "preact/hooks";
import { count, gigabytes, loss as shownLoss } from "../../../web/format.ts";
import type { ComparedRuns } from "../api_types.ts";
import { Fault } from "../parts/fault.tsx";
import { ScrollBox } from "../parts/scroll_box.tsx";
import { linkTo } from "../router.ts";
import { timeSpan } from "../time_span.ts";
import { usePolled } from "../use_polled.ts";
import { useWords } from "../words_in_use.ts";
import { lossLines } from "./curves_part.tsx";
import { type Line, LineChart } from "./line_chart.tsx";
import { shownScore } from "./run_words.ts";

const COLORS = ["c1", "c2", "c3", "c4", "c5", "c6"];

/** Runs beside each other: curves over each other, what they came to, and what differs in their settings. */
export function ComparePage({ ids }: { ids: readonly string[] }) {
  const { words } = useWords();
  const { value, failure } = usePolled<ComparedRuns>(
    `/attune/runs/compare?ids=${ids.join(",")}`,
    ({ runs }) => (runs.some(({ state }) => state === "running") ? 3000 : 0),
  );
  const lines = useMemo(() => {
    const of = (curve: "loss" | "evalLoss"): Line[] =>
      (value?.runs ?? []).flatMap((run, i) => {
        const color = COLORS[i % COLORS.length]!;
        const label = run.name;
        if (curve === "evalLoss")
          return run.curves.evalLoss ? [{ ...run.curves.evalLoss, label, color, hasPoints: true }] : [];
        const smooth = lossLines(run.curves, words)[1];
        return smooth ? [{ ...smooth, label, color }] : [];
      });
    return { loss: of("loss"), heldOut: of("evalLoss") };
  }, [value, words]);
  return (
    <>
      <p class="crumb">
        <a href={linkTo.runs}>← {words.runs}</a>
      </p>
      <h1>{words.compare}</h1>
      <Fault failure={failure} />
      {value && (
        <div class="stack">
          <section class="card" aria-labelledby="compare-curves">
            <h2 id="compare-curves">{words.curves}</h2>
            <h3>
              {words.loss} ({words.smoothed})
            </h3>
            <LineChart
              lines={lines.loss}
              height={260}
              show={shownLoss}
              stepLabel={words.step}
              label={words.loss}
            />
            {lines.heldOut.length > 0 && (
              <>
                <h3>{words.heldOutLoss}</h3>
                <LineChart
                  lines={lines.heldOut}
                  height={220}
                  show={shownLoss}
                  stepLabel={words.step}
                  label={words.heldOutLoss}
                />
              </>
            )}
          </section>
          <Results compared={value} />
          <Differences compared={value} />
          {value.notes.map((note) => (
            <p key={note} class="note" lang="en">
              {note}
            </p>
          ))}
        </div>
      )}
    </>
  );
}

type Run = ComparedRuns["runs"][number];

function Results({ compared: { runs } }: { compared: ComparedRuns }) {
  const { words, language } = useWords();
  const scores = [...new Set(runs.flatMap((run) => Object.keys(run.scores ?? {})))].filter(
    (name) => name !== "loss", // the held-out loss, again
  );
  const rows: [string, (run: Run) => string | undefined][] = [
    [words.method, ({ method }) => method],
    [words.steps, ({ steps }) => count(steps, language)],
    [words.trainingLoss, ({ trainingLoss }) => shown(trainingLoss, shownLoss)],
    [words.heldOutLoss, ({ heldOutLoss }) => shown(heldOutLoss?.last, shownLoss)],
    ...scores.map((name): [string, (run: Run) => string | undefined] => [
      words.scores[name] ?? name,
      (run) => shown(run.scores?.[name]?.value, (value) => shownScore(name, value)),
    ]),
    [words.took, ({ seconds }) => shown(seconds, (all) => timeSpan(all, language))],
    [words.memory, ({ peakMemoryBytes }) => shown(peakMemoryBytes, (bytes) => gigabytes(bytes, language))],
  ];
  return (
    <section class="card" aria-labelledby="compare-results">
      <h2 id="compare-results">{words.results}</h2>
      <Table runs={runs} rows={rows.map(([name, cell]) => [name, ...runs.map((run) => cell(run) ?? "–")])} />
    </section>
  );
}

const shown = (value: number | undefined, show: (value: number) => string) =>
  value === undefined || !Number.isFinite(value) ? undefined : show(value);

function Differences({ compared: { runs, differences } }: { compared: ComparedRuns }) {
  const { words } = useWords();
  const rows = Object.entries(differences)
    .filter(([key]) => !key.startsWith("data"))
    .map(([key, values]) => [key, ...values.map((value) => value ?? "–")]);
  return (
    <section class="card" aria-labelledby="compare-settings">
      <h2 id="compare-settings">{words.differentSettings}</h2>
      {rows.length === 0 ? (
        <p class="note">{words.sameSettings}</p>
      ) : (
        <Table runs={runs} rows={rows} isCode />
      )}
    </section>
  );
}

interface TableProps {
  runs: readonly Run[];
  rows: readonly string[][];
  isCode?: boolean;
}

function Table({ runs, rows, isCode }: TableProps) {
  const { words } = useWords();
  return (
    <ScrollBox class="table-scroll" label={words.results}>
      <table>
        <thead>
          <tr>
            <td />
            {runs.map((run, i) => (
              <th key={run.id} scope="col">
                <span class={`dot ${COLORS[i % COLORS.length]}`} aria-hidden="true" />
                <a href={linkTo.run(run.id)}>{run.name}</a>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells]) => (
            <tr key={name}>
              <th scope="row">{isCode ? <code>{name}</code> : name}</th>
              {cells.map((cell, i) => (
                <td key={runs[i]!.id}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}
