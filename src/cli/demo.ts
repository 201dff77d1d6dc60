import { existsSync } from "node:fs";
import { join } from "node:path";
import { styleText } from "node:util";
import { type InstructionRow, instructionSet } from "../demo/instructions.ts";
import { answerTable, scoreTable } from "../demo/table.ts";
import { DEMO_TASKS } from "../demo/tasks/index.ts";
import { writeFileAtomic } from "../files/atomic.ts";
import { loadModel } from "../generation/load_model.ts";
import { train } from "../run/train.ts";
import { AttuneError } from "../text/errors.ts";
import type { EndEvent } from "../training/events.ts";
import { parseRecipe, type RecipeInput } from "../training/recipe.ts";
import { attuneCommand } from "./attune_command.ts";
import { answerPairs, averageScore, type Exam, examScores, takeExam } from "./exam.ts";
import { forTerminal } from "./failure.ts";
import { formatDuration, formatPercent } from "./format.ts";
import { readLosses } from "./losses.ts";
import { plotLoss } from "./plot_loss.ts";
import type { Screen } from "./screen.ts";
import { headerLine } from "./train_header.ts";
import { trainProgress } from "./train_progress.ts";

export interface DemoOptions {
  /** The base model's directory. */
  base: string;
  /** Where the data, the recipe and the run go. */
  output: string;
  /** Training rows and held-out rows of each task. */
  perTask: { train: number; heldOut: number };
  adapter: RecipeInput["adapter"];
  training: RecipeInput["training"];
  seed: number;
  screen: Screen;
  signal?: AbortSignal;
}

export interface DemoResult {
  /** Mean over the tasks of the share of held-out questions answered rightly. */
  before: number;
  after: number;
  end: EndEvent;
}

/**
 * The main job from end to end: asks the base model held-out questions, tunes it, asks again, and shows the difference.
 * Nothing is asked again when the run was stopped.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult | undefined> {
  const { base, screen, seed, perTask } = options;
  const started = performance.now();
  if (!existsSync(join(base, "config.json")))
    throw new AttuneError({
      code: "cli.no-demo-model",
      place: base,
      problem: "the demo's base model is missing",
      wayOut: "Install attune again, or clone it whole",
    });
  const questions = instructionSet({ seed, perTask: perTask.heldOut, split: "heldOut", tasks: DEMO_TASKS });
  const recipe = await writeRecipe(options);

  title(screen, `1  ${base}, asked questions that it will not be trained on`);
  const before = await ask("before", undefined, questions, options);
  title(screen, "2  tuning");
  const end = await tune(recipe, options);
  if (end.reason === "stopped") return undefined;
  title(screen, "3  the same questions again");
  const after = await ask("after", end.path, questions, options);

  const result = { before: averageScore(examScores(before)), after: averageScore(examScores(after)), end };
  screen.print(report({ before, after, end, options, seconds: (performance.now() - started) / 1000 }));
  return result;
}

const title = (screen: Screen, text: string) => screen.print(`\n${styleText("bold", text)}`);

/** Writes the training data, and a recipe that `attune train` takes. */
async function writeRecipe({ base, output, perTask, adapter, training, seed }: DemoOptions) {
  const data = join(output, "instructions.json");
  const heldOut = join(output, "held_out.json");
  const input: RecipeInput = {
    model: base,
    adapter,
    data: [{ path: data }],
    evaluation: { path: heldOut, every: ASKED_EVERY, generate: 1 },
    training,
    seed,
    output: join(output, "run"),
  };
  const rows = instructionSet({ seed, perTask: perTask.train, split: "train", tasks: DEMO_TASKS });
  await writeFileAtomic(data, json(rows));
  await writeFileAtomic(heldOut, json(heldOutRows(seed)));
  await writeFileAtomic(join(output, "recipe.json"), json(input));
  return parseRecipe(input);
}

const ASKED_EVERY = 100; // steps
const LIVE_TASK = "opposites";

/** A row of each kind of task for the loss while training, of another seed than the exam; the first one is answered, too. */
function heldOutRows(seed: number): InstructionRow[] {
  const rows = instructionSet({ seed: seed + 1, perTask: 1, split: "heldOut", tasks: DEMO_TASKS });
  return [...rows].sort((a, b) => Number(b.task === LIVE_TASK) - Number(a.task === LIVE_TASK));
}

const json = (value: unknown) => `${JSON.stringify(value, null, 1)}\n`;

async function ask(
  when: string,
  adapter: string | undefined,
  questions: readonly InstructionRow[],
  { base, screen, signal }: DemoOptions,
): Promise<Exam> {
  screen.show(() => "loading the model …");
  const model = await loadModel(base, { adapters: adapter });
  try {
    const tell = (answered: number) =>
      screen.show(() => `${answered} of ${questions.length} questions answered …`);
    const exam = await takeExam(model, questions, { tell, signal });
    screen.clear();
    const score = formatPercent(averageScore(examScores(exam)));
    screen.print(`${questions.length} questions, ${score} right ${when} tuning`);
    return exam;
  } finally {
    screen.clear();
    await model.release();
  }
}

async function tune(
  recipe: ReturnType<typeof parseRecipe>,
  { screen, signal }: DemoOptions,
): Promise<EndEvent> {
  const tell = trainProgress(recipe, screen);
  for await (const event of train(recipe, { signal })) {
    tell(event);
    if (event.type === "end") return event;
  }
  throw new Error("the run ended without saying so");
}

interface Findings {
  before: Exam;
  after: Exam;
  end: EndEvent;
  options: DemoOptions;
  seconds: number;
}

function report({ before, after, end, options, seconds }: Findings): string {
  const { output } = options;
  const { training } = readLosses(join(output, "run", "metrics.jsonl"));
  const columns = [
    { head: "before", scores: examScores(before) },
    { head: "after", scores: examScores(after) },
  ];
  return [
    `\n${styleText("bold", "Answers to held-out questions, before and after")}\n`,
    styleText("dim", `  ${"before".padEnd(COLUMN)}  after`),
    answerTable(shown(before, after), COLUMN),
    `\n${styleText("bold", "Scores on held-out questions")}\n`,
    scoreTable(columns),
    `\n${styleText("bold", "Loss")}\n`,
    plotLoss(training.map(({ loss }) => loss)),
    "",
    headerLine("time", formatDuration(seconds)),
    headerLine("adapter", `${end.path}, which PEFT loads`),
    headerLine("recipe", `${join(output, "recipe.json")}, for attune train`),
    headerLine("next", attuneCommand(["chat", join(output, "run")])),
  ].join("\n");
}

const COLUMN = 38; // characters
const SHOWN_EVERY = 3; // tasks

const shown = (before: Exam, after: Exam) =>
  answerPairs(before, after, SHOWN_EVERY).map((pair) => ({
    ...pair,
    before: forTerminal(pair.before),
    after: forTerminal(pair.after),
  }));
