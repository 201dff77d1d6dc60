import type { Command } from "commander";
import { type LoadedModel, loadModel } from "../../generation/load_model.ts";
import type { ChatOptions } from "../../generation/talk.ts";
import type { Message, Tool } from "../../templates/message.ts";
import { AttuneError } from "../../text/errors.ts";
import { type ChatSource, chatSource, type SourceFlags } from "../chat_source.ts";
import { converse, note } from "../converse.ts";
import { failureCode, forTerminal } from "../failure.ts";
import { formatPercent } from "../format.ts";
import { examples } from "../help.ts";
import { BASE } from "../named_adapters.ts";
import { collect, jsonObject, number, type TalkOptions, wholeNumber, withTalking } from "../options.ts";
import { readAll } from "../read_all.ts";
import { openScreen } from "../screen.ts";
import { type Ask, createTalker } from "../talker.ts";
import { readToolsFile } from "../tools_file.ts";

interface ChatFlags extends SourceFlags, TalkOptions, Pick<ChatOptions, SettingName> {
  prompt?: string;
  system?: string;
  /** A file. */
  tools?: string;
}

type SettingName = "maxTokens" | "seed" | "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty";

export const chatCommand = (command: Command): Command =>
  withTalking(
    command
      .description(
        "Talks to what a run has made, or to a model, with adapters if you like. With --prompt it prints one answer and nothing else.",
      )
      .argument(
        "[run]",
        "a run's directory, whose recipe says which base, template and quantization belong to it; or a model",
      )
      .option(
        "-m, --model <dir>",
        "the model's directory, or its name on the hub; of a run, where its base is now",
      )
      .option(
        "-a, --adapter <[name=]dir>",
        "a PEFT adapter's directory, or a run's; several can be given: the first answers, /adapter switches",
        collect,
      )
      .option("-p, --prompt <text>", "print the answer to this; - reads it from the standard input")
      .option("--system <text>", "what the system message says")
      .option(
        "--template <name>",
        "chat: the model's own, where it has one; alpaca, chatml and others by name; a .jinja file; none: text goes in as it is, to be continued",
      )
      .option(
        "--chat-template-kwargs <json>",
        "variables of the chat template: '{\"enable_thinking\": false}'",
        jsonObject,
      )
      .option(
        "--tools <file>",
        "functions the model may call: a JSON file of OpenAI's tools; calls are printed as text",
      )
      .option(
        "--max-tokens <n>",
        "longest answer (default: as generation_config.json says, else 512)",
        wholeNumber(1),
      )
      .optionsGroup("Sampling (default: as generation_config.json says, else the likeliest token):")
      .option("--temperature <t>", "0 takes the likeliest token", number(0))
      .option("--top-k <k>", "only the k likeliest, 50 by default; 0 for all", wholeNumber(0))
      .option("--top-p <p>", "only the likeliest that together have this probability", number(0, 1))
      .option("--min-p <p>", "only tokens at least this fraction as likely as the likeliest", number(0, 1))
      .option("--repetition-penalty <x>", "above 1, what was said becomes less likely", number(0))
      .option("--seed <n>", "the same seed gives the same answer", wholeNumber(0))
      .optionsGroup("Machine:"),
  )
    .addHelpText(
      "after",
      examples([
        ["attune chat runs/mine", "talk to a run's result; /help there tells more"],
        ["attune chat runs/mine/best", "to the best of its evaluations"],
        ["attune chat --model ./model --adapter runs/mine/adapter", "with an adapter"],
        ["attune chat -m ./model -p 'Name three colours.' --temperature 0", "print one answer"],
        ["git diff | attune chat -m ./model --system 'Summarize.' -p -", "to what another program says"],
        ["attune chat -m ./model -a a=runs/a -a b=runs/b", "switch between two with /adapter"],
      ]),
    )
    .action(runChat);

async function runChat(run: string | undefined, flags: ChatFlags, command: Command): Promise<void> {
  if (run === undefined && flags.model === undefined)
    command.error("error: missing argument 'run', or option '-m, --model <dir>'");
  const prompt = await readPrompt(flags.prompt);
  const tools = flags.tools === undefined ? undefined : await readToolsFile(flags.tools);
  const source = await chatSource(run, flags);
  const remembers = source.template !== "none";
  if (!remembers) refuseUnwritten(source, tools);
  const model = await open(source, flags);
  const ask = asking(model, source, { ...flags, tools });
  const opening: Message[] = flags.system === undefined ? [] : [{ role: "system", content: flags.system }];
  const talker = createTalker({ ask, opening, remembers, write, onForgetting });
  try {
    if (prompt !== undefined) return await talker.answer(prompt);
    const use = (name: string) => model.useAdapter(name === BASE ? null : name);
    const voices = { names: [...Object.keys(source.adapters), BASE], use };
    const isWell = await converse(talker, voices, { verbatim: !remembers });
    if (!isWell) process.exitCode = failureCode;
  } finally {
    await model.release();
  }
}

async function readPrompt(given: string | undefined): Promise<string | undefined> {
  const prompt = given === "-" ? (await readAll(process.stdin)).trimEnd() : given;
  if (prompt !== "") return prompt;
  throw new AttuneError({
    code: "cli.empty-prompt",
    place: "--prompt",
    problem: given === "-" ? "nothing came on the standard input" : "it is empty",
    wayOut: "Say something to answer",
  });
}

/** Text that is continued as it is holds neither. */
function refuseUnwritten({ chatTemplateKwargs }: ChatSource, tools?: readonly Tool[]): void {
  const given = [tools && "--tools", Object.keys(chatTemplateKwargs).length > 0 && "--chat-template-kwargs"];
  const names = given.filter(Boolean);
  if (names.length === 0) return;
  throw new AttuneError({
    code: "cli.no-template",
    place: names.join(", "),
    problem: "without a template there is nothing that would write them",
    wayOut: "Leave them out, or give a template that writes them (--template)",
  });
}

async function open(source: ChatSource, { device, threads, compute }: TalkOptions): Promise<LoadedModel> {
  const { model, adapters, template, quantization } = source;
  const screen = openScreen(process.stderr);
  try {
    return await loadModel(model, {
      adapters,
      template: template === "none" ? undefined : template,
      quantization,
      compute,
      device,
      threads,
      onWarning: (text) => screen.print(`warning: ${forTerminal(text)}`),
      onWeight: (done, total) => screen.show(() => `quantizing the model: ${formatPercent(done / total)} …`),
    });
  } finally {
    screen.clear();
  }
}

type Settings = Pick<ChatFlags, SettingName> & { tools?: readonly Tool[] };

function asking(model: LoadedModel, { template, chatTemplateKwargs }: ChatSource, flags: Settings): Ask {
  const { maxTokens, seed, temperature, topK, topP, minP, repetitionPenalty, tools } = flags;
  const settings = { maxTokens, seed, temperature, topK, topP, minP, repetitionPenalty };
  return (messages, options) =>
    template === "none"
      ? model.complete(messages.map(({ content }) => content).join("\n"), { ...settings, ...options })
      : model.chat(messages, { ...settings, ...options, tools, chatTemplateKwargs });
}

const onForgetting = () =>
  note("the conversation no longer fits the model's context: its oldest turns are left out from now on");

/** Other programs get the answer as it is; a terminal must not obey it. */
function write(text: string): void {
  process.stdout.write(process.stdout.isTTY ? forTerminal(text) : text);
}
