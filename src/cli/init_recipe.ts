import { open, stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import { diskError, errorCode } from "../files/disk_error.ts";
import type { Estimate } from "../run/estimate/estimate.ts";
import { thisMachine } from "../run/estimate/machine.ts";
import { PRESETS, type Preset, presetNames } from "../run/init/presets.ts";
import { type InitChoices, type Proposal, type ProposedMethod, proposeRecipe } from "../run/init/propose.ts";
import { type DataSurvey, surveyData } from "../run/init/survey_data.ts";
import { AttuneError } from "../text/errors.ts";
import { parseYaml } from "../text/yaml.ts";
import { MODELS } from "../training/advice/models.ts";
import { parseRecipe } from "../training/recipe.ts";
import { attuneCommand } from "./attune_command.ts";
import { forTerminal } from "./failure.ts";
import { showDownload } from "./fetch_model.ts";
import { formatBytes, formatPercent, plural } from "./format.ts";
import { packageFile } from "./package_root.ts";
import { openScreen } from "./screen.ts";
import { headerLine } from "./train_header.ts";

export interface InitFlags {
  model?: string;
  preset?: Preset;
  method?: ProposedMethod;
  heldOut?: number;
  output?: string;
  out: string;
}

/** Asks one question; gives what is proposed for an empty answer. */
export type AskPerson = (question: string, proposed: string) => Promise<string>;

export interface InitTerminal {
  /** Left out where nobody is asked: then what is proposed is taken. */
  ask?: AskPerson;
  print(line: string): void;
}

/** Looks at data, model and machine, asks, and writes the recipe. */
export async function initRecipe(
  given: readonly string[],
  flags: InitFlags,
  { ask, print }: InitTerminal,
): Promise<void> {
  await requireNew(flags.out);
  const screen = openScreen(process.stderr);
  const hub = {
    onProgress: showDownload(screen),
    onWarning: (text: string) => screen.print(forTerminal(text)),
  };
  try {
    const data = given.length > 0 ? given : await askData(ask);
    screen.show(() => "reading the data …");
    const survey = await surveyData(data, hub);
    screen.clear();
    for (const line of surveyLines(survey)) print(forTerminal(line));
    const choices = await choose(data, survey, flags, ask ?? (async (_, proposed) => proposed));
    screen.show(() => "choosing settings …");
    const proposal = await proposeRecipe(choices, survey, hub);
    screen.clear();
    await writeNew(flags.out, proposal.text);
    for (const line of await resultLines(choices, proposal, flags.out)) print(forTerminal(line));
  } finally {
    screen.clear();
  }
}

async function askData(ask: AskPerson | undefined): Promise<string[]> {
  const path = await ask?.("What data? A file, a directory, or a dataset of the hub", "none");
  if (path && path !== "none") return [path];
  throw new AttuneError({
    code: "cli.no-data",
    place: "data",
    problem: "there is no data to write a recipe for",
    wayOut: "Name a file: attune init data.jsonl",
  });
}

const HELD_OUT = 0.1;
const MANY = 50; // rows, from which on some can be spared

/** What no option says is asked; four questions at most, and one for the data. */
async function choose(
  data: readonly string[],
  { rows }: DataSurvey,
  flags: InitFlags,
  ask: AskPerson,
): Promise<InitChoices> {
  const model =
    flags.model ?? (await ask("Which model? A directory, or a name on the hub", packageFile("demo/base")));
  const preset = flags.preset ?? (await askPreset(ask));
  const heldOut = flags.heldOut ?? (await askShare(ask, rows >= MANY ? HELD_OUT : 0));
  const output = flags.output ?? (await ask("The run's directory?", `runs/${nameOf(data[0]!)}`));
  return { data, model, preset, method: flags.method, heldOut, output };
}

async function askPreset(ask: AskPerson): Promise<Preset> {
  const answer = await ask(
    `Which preset? ${presetNames.map((name) => `${name} (${PRESETS[name]})`).join(", ")}`,
    "balanced",
  );
  if (presetNames.includes(answer as Preset)) return answer as Preset;
  throw new AttuneError({
    code: "cli.unknown-preset",
    place: "preset",
    expected: presetNames.join(", "),
    got: answer,
  });
}

async function askShare(ask: AskPerson, proposed: number): Promise<number> {
  const answer = await ask(
    "Which share of the rows is held out, to see whether it learns?",
    String(proposed),
  );
  const share = Number(answer);
  if (answer !== "" && share >= 0 && share < 1) return share;
  throw new AttuneError({
    code: "cli.wrong-share",
    place: "held out",
    expected: "a number from 0 to 0.9",
    got: answer,
  });
}

/** A run's name after its data: `runs/support`, for data/support.jsonl. */
const nameOf = (path: string) => basename(path, extname(path)).replace(/[^\w.-]+/g, "-") || "mine";

function surveyLines({
  rows,
  kinds,
  scripts,
  labels,
  duplicates,
  unusable,
  withTools,
}: DataSurvey): string[] {
  const listed = Object.entries(kinds).map(([kind, n]) => plural(n!, kind));
  const notes = [
    duplicates > 0 ? `${plural(duplicates, "row")} equal to an earlier one` : "",
    unusable.count > 0 ? `${plural(unusable.count, "row")} unusable` : "",
    withTools > 0 ? `${plural(withTools, "row")} with tools` : "",
    labels ? `answers are labels: ${labels.slice(0, 8).join(", ")}` : "",
  ].filter(Boolean);
  return [
    headerLine("data", [`${plural(rows, "row")} (${listed.join(", ")})`, ...notes].join("; ")),
    ...(scripts.length > 0
      ? [
          headerLine(
            "scripts",
            scripts.map(({ name, share }) => `${name} ${formatPercent(share)}`).join(", "),
          ),
        ]
      : []),
  ];
}

async function resultLines(
  choices: InitChoices,
  { estimate, notes }: Proposal,
  out: string,
): Promise<string[]> {
  const next = estimate ? "train" : "data check";
  return [
    ...(estimate ? [headerLine("memory", memoryText(estimate))] : []),
    ...(await modelLines(choices)),
    ...notes.map((note) => headerLine("note", note)),
    headerLine("recipe", out),
    ...(estimate ? [headerLine("look", attuneCommand(["estimate", out]))] : []),
    headerLine("next", attuneCommand([...next.split(" "), out])),
  ];
}

function memoryText({ peakMemoryBytes, machine, fits }: Estimate): string {
  const fit = fits ? "" : ", more than is free: attune estimate says what takes less";
  return `about ${formatBytes(peakMemoryBytes)} of ${formatBytes(machine.memoryBytes)}${fit}`;
}

/** Beside the demo's model, those that one would take. */
async function modelLines({ model }: InitChoices): Promise<string[]> {
  if (model !== packageFile("demo/base")) return [];
  const { availableBytes } = await thisMachine();
  const fitting = MODELS.filter(({ parameters }) => parameters * BYTES_A_PARAMETER < availableBytes);
  if (fitting.length === 0) return [];
  const list = fitting.map(({ name, licence }) => `${name} (${licence})`).join(", ");
  return [headerLine("models", `this one is for trying out; of the hub these fit: ${list}`)];
}

/** LoRA over 16-bit files, rows of 512 tokens. */
const BYTES_A_PARAMETER = 4.5;

async function requireNew(path: string): Promise<void> {
  if (await stat(path).catch(() => undefined)) throw isThere(path);
}

const isThere = (path: string) =>
  new AttuneError({
    code: "cli.recipe-exists",
    place: path,
    problem: "there is such a file already, and it is not overwritten",
    wayOut: "Name another with --out",
  });

/** The text is read back before it is written: what init writes, train takes. */
async function writeNew(path: string, text: string): Promise<void> {
  parseRecipe(parseYaml(text, path), path);
  try {
    const file = await open(path, "wx");
    await file.writeFile(text).finally(() => file.close());
  } catch (error) {
    throw errorCode(error) === "EEXIST" ? isThere(path) : diskError(error, "write", path);
  }
}
