import type { Command } from "commander";
import type { Evaluation } from "../../evaluation/evaluation.ts";
import { evaluationText } from "../../evaluation/report/text.ts";
import type { MpiWorld } from "../../mpi/world.ts";
import { type EvaluateOptions, evaluate } from "../../run/evaluate.ts";
import { saveEvaluation } from "../../run/save_evaluation.ts";
import { type EvalFlags, type EvalSource, evalSource } from "../eval_source.ts";
import { forTerminal } from "../failure.ts";
import { showDownload } from "../fetch_model.ts";
import { examples } from "../help.ts";
import { asOneOfMany, threadsOf } from "../one_of_many.ts";
import { type ComputeOptions, collect, wholeNumber, withCompute } from "../options.ts";
import { openScreen } from "../screen.ts";
import { progressTeller } from "../tell_parent.ts";

interface Flags extends EvalFlags, ComputeOptions {
  generate?: number;
  json?: true;
}

export const evalCommand = (command: Command): Command =>
  withCompute(
    command
      .description(
        "Asks a run's base and its result the rows that were held out, and compares them: loss, perplexity, token accuracy; answers, scored; choices by likelihood. What is held out, and with which scores, the recipe says under evaluation.",
      )
      .argument("[run]", "a run's directory, or a recipe's file")
      .option("-m, --model <dir>", "a model, or its name on the hub; of a run, where its base is now")
      .option("-a, --adapter <dir>", "with --model: a PEFT adapter's directory, or a run's")
      .option(
        "-d, --data <file>",
        "rows to evaluate on instead of those held out: as in a recipe's data, or MMLU, CMMLU, C-Eval or IFEval as they are published",
      )
      .option("--template <name>", "as in a recipe: chat, alpaca, a .jinja file")
      .option(
        "-s, --set <key=value>",
        "with a recipe: put a value in it; can be given several times",
        collect,
      )
      .option("--generate <n>", "answer so many rows at most (default: all)", wholeNumber(1))
      .option("--json", "print the result as JSON, and nothing else")
      .optionsGroup("Machine:"),
  )
    .addHelpText(
      "after",
      examples([
        ["attune eval runs/mine", "base against tuned; also written to runs/mine/evaluation.json"],
        [
          "attune eval runs/mine --data test.jsonl --generate 100",
          "on rows of another file, 100 answers at most",
        ],
        ["attune eval recipe.yaml --json", "the run of a recipe, as JSON"],
        ["attune eval -m ./model -d high_school_physics_test.csv", "MMLU's questions to a model"],
        ["mpirun -n 4 attune eval runs/mine", "on several processes or machines"],
        ["attune eval -m ./model -a runs/a/adapter -d test.jsonl", "a model against itself with an adapter"],
      ]),
    )
    .action(runEval);

const runEval = (from: string | undefined, flags: Flags): Promise<void> =>
  asOneOfMany((world) => evalAs(world, from, { ...flags, threads: flags.threads ?? threadsOf(world) }));

/** One process speaks for all, and writes. */
async function evalAs(world: MpiWorld | undefined, from: string | undefined, flags: Flags): Promise<void> {
  const source = await evalSource(from, flags);
  const { generate, device, threads } = flags;
  const options = { ...source, generate, device, threads, ranks: world };
  if (world && world.rank > 0) await evaluate(source.recipe, options);
  else await showEvaluation(source, options, flags);
}

async function showEvaluation({ recipe, run }: EvalSource, options: EvaluateOptions, flags: Flags) {
  const screen = openScreen(process.stderr);
  const tell = progressTeller();
  try {
    const evaluation = await evaluate(recipe, {
      ...options,
      hub: { onProgress: showDownload(screen) },
      onWarning: (text) => screen.print(`warning: ${forTerminal(text)}`),
      onProgress: ({ model, done, total }) => {
        screen.show(() => `${model}: ${Math.floor(done)} of ${total} rows …`);
        tell((done / total + (model === "tuned" ? 1 : 0)) / 2);
      },
    });
    screen.clear();
    print(evaluation, flags);
    if (run === undefined) return;
    const path = await saveEvaluation(run, evaluation);
    if (!flags.json) process.stdout.write(`\nwritten to ${path} and evaluation.md beside it\n`);
  } finally {
    screen.clear();
  }
}

function print(evaluation: Evaluation, { json }: Flags): void {
  const text = json ? JSON.stringify(evaluation, null, 1) : forTerminal(evaluationText(evaluation));
  process.stdout.write(`${text}\n`);
}
