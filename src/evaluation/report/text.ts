import type { Evaluation, Phrasings } from "../evaluation.ts";
import type { Sample } from "../scorecard.ts";
import { scoreRows, showValue, taskRows } from "./cells.ts";
import { cutTo, table } from "./columns.ts";

const WIDTH = 76; // columns of an answer
const SHOWN = 5; // answers

/** What an evaluation found, for a terminal. */
export function evaluationText(evaluation: Evaluation): string {
  const { tasks, clusters, phrasings, forgetting, samples, notes, rows } = evaluation;
  const parts = [
    section(`Held out: ${rows} rows`, table(scoreRows(evaluation))),
    ...(Object.keys(tasks).length > 1 ? [section("By task", table(taskRows(tasks)))] : []),
    ...(clusters ? [section("Clusters", table(taskRows(namedClusters(clusters))))] : []),
    ...(phrasings ? [section("Phrasings", phrasingText(phrasings))] : []),
    ...(forgetting ? [section("Forgetting", table(taskRows(forgetting)))] : []),
    ...(samples.length > 0 ? [section("Answers", samples.slice(0, SHOWN).map(sampleText).join("\n"))] : []),
    ...notes.map((note) => `note: ${note}`),
  ];
  return parts.join("\n\n");
}

const section = (title: string, text: string) => `${title}\n\n${text}`;

export const namedClusters = ({ heldOut, trained }: NonNullable<Evaluation["clusters"]>) => ({
  "never trained": heldOut,
  ...(trained && { trained }),
});

function phrasingText({ each, spread }: Phrasings): string {
  const named = Object.entries(each).map(
    ([text, one]) => [`${one.trained ? "trained" : "held out"}: ${cutTo(text, 40)}`, one] as const,
  );
  return `${table(taskRows(Object.fromEntries(named)))}\n\n${table(spreadRows(spread))}`;
}

/** How far scores spread over phrasings. */
export function spreadRows(spread: Phrasings["spread"]): string[][] {
  const rows = Object.entries(spread).flatMap(([kind, scores]) =>
    Object.entries(scores).flatMap(([name, ranges]) =>
      (["base", "tuned"] as const).flatMap((model) => {
        const range = ranges[model];
        if (!range || !["exactMatch", "labelAccuracy", "acc", "rougeL"].includes(name)) return [];
        const { mean, min, max } = range;
        return [
          [
            kind === "heldOut" ? "held out" : kind,
            name,
            model,
            ...[mean, min, max].map((v) => showValue(name, v)),
          ],
        ];
      }),
    ),
  );
  return [["phrasings", "score", "model", "mean", "lowest", "highest"], ...rows];
}

function sampleText({ question, references, base, tuned }: Sample): string {
  const lines = [
    ...(references.length > 0 ? [["right", references[0]!]] : []),
    ...(base === undefined ? [] : [["base", base]]),
    ...(tuned === undefined ? [] : [["tuned", tuned]]),
  ];
  return [
    cutTo(question, WIDTH),
    ...lines.map(([name, text]) => `  ${name!.padEnd(6)} ${cutTo(text!, WIDTH - 9)}`),
  ].join("\n");
}
