import { join } from "node:path";
import type { Evaluation } from "../evaluation/evaluation.ts";
import { evaluationMarkdown } from "../evaluation/report/markdown.ts";
import { writeFileAtomic } from "../files/atomic.ts";
import { writeReport } from "./read_run.ts";
import { EVALUATION_FILES } from "./run_directory.ts";

/** Writes `evaluation.json` and `evaluation.md` into a run's directory, and its page anew. */
export async function saveEvaluation(run: string, evaluation: Evaluation): Promise<string> {
  const [json, markdown] = EVALUATION_FILES.map((name) => join(run, name));
  await writeFileAtomic(markdown!, evaluationMarkdown(evaluation));
  await writeFileAtomic(json!, `${JSON.stringify(evaluation, null, 1)}\n`);
  await writeReport(run);
  return json!;
}
