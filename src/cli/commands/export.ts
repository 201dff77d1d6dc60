import { type Command, Option } from "commander";
import { readRunResult, templateOfRun } from "../../run/run_result.ts";
import { AttuneError } from "../../text/errors.ts";
import { chatSource } from "../chat_source.ts";
import type { ExportFormat, ExportRequest } from "../exports/export_format.ts";
import { EXPORT_FORMATS } from "../exports/formats.ts";
import { forTerminal } from "../failure.ts";
import { formatPercent } from "../format.ts";
import { examples } from "../help.ts";
import { openScreen } from "../screen.ts";
import { progressTeller } from "../tell_parent.ts";
import { headerLine } from "../train_header.ts";

interface ExportFlags {
  model?: string;
  adapter?: string;
  format: string;
  type?: string;
  out: string;
  template?: string;
  system?: string;
  merge: boolean;
}

const formatLines = Object.entries(EXPORT_FORMATS).map(([name, { summary, types }]) => {
  const choice = types ? ` (--type ${types.join(", ")})` : "";
  return `  ${name.padEnd(10)} ${summary}${choice}`;
});

export const exportCommand = (command: Command): Command =>
  command
    .description(
      `Writes a model, or a model with an adapter, for another tool. What is written is read back and compared before success is reported; what the tool can't represent is refused by name.\n\nFormats:\n${formatLines.join("\n")}`,
    )
    .argument(
      "[run]",
      "a run's directory, whose recipe says which base and template belong to it; or a model",
    )
    .option("-m, --model <dir>", "the model's directory; of a run, where its base is now")
    .option("-a, --adapter <dir>", "a PEFT adapter's directory, or a run's")
    .addOption(
      new Option("-f, --format <name>", "what for")
        .choices(Object.keys(EXPORT_FORMATS))
        .makeOptionMandatory(),
    )
    .option("-t, --type <name>", "how numbers are kept; each format's first type when left out")
    .requiredOption("-o, --out <path>", "the file or directory to write: it must not be there yet")
    .option(
      "--template <name>",
      "how conversations are written: chat, the model's own; a built-in one by name; a .jinja file; none",
    )
    .option("--no-merge", "keep the adapter apart from the model, where the format can")
    .option("--system <text>", "the system message that goes with it, where the format has room for one")
    .addHelpText(
      "after",
      examples([
        ["attune export runs/mine --format gguf --out mine.gguf", "a run's result, for llama.cpp"],
        ["attune export runs/mine --format ollama --out mine", "for Ollama, with a Modelfile"],
        ["attune export runs/mine --format onnx --type q4 --out mine-js", "for browsers and Node"],
        [
          "attune export -m ./model -a runs/mine -f gguf -t q8_0 -o mine.gguf",
          "a model and an adapter, 8 bits a weight",
        ],
      ]),
    )
    .action(runExport);

async function runExport(run: string | undefined, flags: ExportFlags, command: Command): Promise<void> {
  if (run === undefined && flags.model === undefined)
    command.error("error: missing argument 'run', or option '-m, --model <dir>'");
  const format = EXPORT_FORMATS[flags.format]!;
  const screen = openScreen();
  const tell = progressTeller();
  try {
    const request = await requestOf(run, flags, format);
    const lines = await format.run({
      ...request,
      onWarning: (text) => screen.print(`warning: ${forTerminal(text)}`),
      onProgress: (share) => {
        screen.show(() => `writing ${flags.out}: ${formatPercent(share)} …`);
        tell(share);
      },
    });
    screen.clear();
    screen.print(lines.map(([label, text]) => headerLine(label, text)).join("\n"));
  } finally {
    screen.clear();
  }
}

type Asked = Omit<ExportRequest, "onWarning" | "onProgress">;

async function requestOf(run: string | undefined, flags: ExportFlags, format: ExportFormat): Promise<Asked> {
  const type = typeOf(flags, format);
  const { out: output, system, merge } = flags;
  if (output.trim() === "") throw unfit("--out", "is empty", "Say which file or directory to write");
  if (!merge && !format.keepsAdapter)
    throw unfit("--no-merge", `${flags.format} has no place for an adapter apart`, "Leave it out");
  if (system !== undefined && !format.takesSystem)
    throw unfit("--system", `${flags.format} has no room for a system message`, "Leave it out");
  const adapters = flags.adapter === undefined ? undefined : [flags.adapter];
  const source = await chatSource(run, { model: flags.model, adapter: adapters, template: flags.template });
  const [adapter, ...more] = Object.values(source.adapters);
  if (more.length > 0)
    throw unfit(
      "--adapter",
      "the run has an adapter already",
      "Combine the two first (attune adapter combine)",
    );
  if (format.needsAdapter && adapter === undefined)
    throw unfit("--adapter", `${flags.format} is made from an adapter`, "Give its directory, or a run's");
  const template = source.template ?? (await templateOfAdapter(flags.adapter));
  return { model: source.model, adapter, output, type, template, system, merge };
}

/** The template that an adapter's run was trained with. */
async function templateOfAdapter(adapter: string | undefined): Promise<string | undefined> {
  const result = adapter === undefined ? undefined : await readRunResult(adapter);
  return result && templateOfRun(result.recipe);
}

function typeOf({ type, format: name }: ExportFlags, { types = [] }: ExportFormat): string {
  if (type === undefined) return types[0] ?? "";
  if (types.includes(type)) return type;
  const choices = types.length > 0 ? `Take one of ${types.join(", ")}` : "Leave it out";
  throw unfit("--type", `${name} has no type ${JSON.stringify(type)}`, choices);
}

const unfit = (place: string, problem: string, wayOut: string) =>
  new AttuneError({ code: "cli.wrong-export-option", place, problem, wayOut });
