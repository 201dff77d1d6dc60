import { readAdapterDirectory } from "../../adapters/peft/adapter_directory.ts";
import { openPlan } from "../../data/tokenize/tokenize_plan.ts";
import { measure } from "../../evaluation/measure.ts";
import { isExact } from "../../evaluation/scores/exact_match.ts";
import { openBase } from "../../pretrained/base.ts";
import { savedAdapterMethod } from "../../run/choose_method.ts";
import { openExaminee } from "../../run/examinee.ts";
import { allQuestions, type QuestionSet } from "../../run/held_out_questions.ts";
import { runPlan } from "../../run/prepare_data.ts";
import { openSession } from "../../runtime/node.ts";
import { fullMethod } from "../../training/method.ts";
import { parseRecipe } from "../../training/recipe.ts";

/** A model of the lab. */
export interface LabModel {
  model: string;
  adapter?: string;
}

/** What a model is asked: files of questions to answer, and of text whose loss is measured. */
export interface Asked {
  questions?: Readonly<Record<string, string>>;
  texts?: Readonly<Record<string, string>>;
}

/** What it made of each row, in the files' order. */
export interface Findings {
  /** [kind of task, 1 where the answer was right], by the name of the file of questions. */
  answers: Record<string, [task: string, right: number][]>;
  /** [Σ -log probability, tokens, characters] of each text. */
  texts: Record<string, [nll: number, tokens: number, characters: number][]>;
}

export interface ExamineOptions {
  threads?: number;
  signal?: AbortSignal;
}

const MAX_TOKENS = 16; // more than any right answer has

/** Asks a model all there is to ask, a row's figures each. */
export async function examine(
  { model, adapter }: LabModel,
  asked: Asked,
  { threads, signal }: ExamineOptions = {},
): Promise<Findings> {
  const base = await openBase(model);
  const recipe = parseRecipe({ model, data: [{ path: "-" }], output: "-" });
  const tokenize = { ...openPlan(await runPlan(recipe, base, new Date(0))), answers: "liked" as const };
  const method = adapter
    ? savedAdapterMethod(await readAdapterDirectory(adapter), base)
    : fullMethod(new Map(), base.directory.tensors);
  const session = { device: "cpu", threads } as const;
  const examinee = openExaminee({ base, method, tokenize, open: openSession, session });
  const read = (path: string, isText: boolean) =>
    allQuestions(
      { dataset: { path }, place: path },
      { tokenize: isText ? { ...tokenize, stage: "finetune" } : tokenize, seed: 0 },
    );
  const ask = ({ questions, tokenized }: QuestionSet) =>
    measure(questions, tokenized, examinee, { maxTokens: MAX_TOKENS, signal });
  const findings: Findings = { answers: {}, texts: {} };
  try {
    for (const [name, path] of Object.entries(asked.questions ?? {})) {
      const set = await read(path, false);
      const nothing = set.questions.map(() => ({ sequences: [], choices: [] })); // only answers are asked for
      const results = await ask({ questions: set.questions, tokenized: nothing });
      findings.answers[name] = set.questions.map(({ task, references }, i) => [
        task,
        Number(isExact(results[i]!.answer ?? "", references)),
      ]);
    }
    for (const [name, path] of Object.entries(asked.texts ?? {})) {
      const set = await read(path, true);
      const unasked = set.questions.map((question) => ({ ...question, isGenerated: false }));
      const results = await ask({ ...set, questions: unasked });
      findings.texts[name] = set.questions.map(({ example }, i) => {
        const [nll, tokens] = results[i]!.labels!;
        return [nll, tokens, example?.kind === "text" ? Array.from(example.text).length : 0];
      });
    }
    return findings;
  } finally {
    await examinee.release();
  }
}
