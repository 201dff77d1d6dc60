import { Command } from "commander";
import { type LoadedModel, loadModel } from "../../generation/load_model.ts";
import type { AnswerOptions } from "../../generation/talk.ts";
import type { Message } from "../../templates/message.ts";
import { converse } from "../converse.ts";
import { printable } from "../failure.ts";
import { fetchModel } from "../fetch_model.ts";
import { examples } from "../help.ts";
import { BASE, namedAdapters } from "../named_adapters.ts";
import { type ComputeOptions, collect, number, wholeNumber, withCompute } from "../options.ts";
import { readAll } from "../read_all.ts";
import { stopSignals } from "../stop_signals.ts";
import { type Ask, createTalker } from "../talker.ts";

interface ChatFlags extends ComputeOptions, Pick<AnswerOptions, SamplingName | "maxTokens" | "seed"> {
  model: string;
  adapter?: string[];
  prompt?: string;
  system?: string;
  template?: string;
}

type SamplingName = "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty";

export const chatCommand = (): Command =>
  withCompute(
    new Command("chat")
      .summary("talk to a model, or print one answer")
      .description(
        "Talks to a model, with adapters if you like. With --prompt it prints one answer and nothing else.",
      )
      .requiredOption("-m, --model <dir>", "the model's directory")
      .option(
        "-a, --adapter <[name=]dir>",
        "a PEFT adapter's directory; several can be given: the first answers, /adapter switches",
        collect,
      )
      .option("-p, --prompt <text>", "print the answer to this; - reads it from the standard input")
      .option("--system <text>", "what the system message says")
      .option(
        "--template <name>",
        "chat: the model's own, where it has one; alpaca, chatml and others by name; a .jinja file; none: text goes in as it is, to be continued",
      )
      .option("--max-tokens <n>", "longest answer", wholeNumber(1), 512)
      .optionsGroup("Sampling (default: as generation_config.json says, else the likeliest token):")
      .option("--temperature <t>", "0 takes the likeliest token", number(0))
      .option("--top-k <k>", "only the k likeliest; 0 for all", wholeNumber(0))
      .option("--top-p <p>", "only the likeliest that together have this probability", number(0, 1))
      .option("--min-p <p>", "only tokens at least this fraction as likely as the likeliest", number(0, 1))
      .option("--repetition-penalty <x>", "above 1, what was said becomes less likely", number(0))
      .option("--seed <n>", "the same seed gives the same answer", wholeNumber(0))
      .optionsGroup("Machine:"),
  )
    .addHelpText(
      "after",
      examples([
        ["attune chat --model ./model", "talk; /help there tells more"],
        ["attune chat --model ./model --adapter runs/mine/adapter", "with an adapter"],
        ["attune chat -m ./model -p 'Name three colours.' --temperature 0", "print one answer"],
        ["git diff | attune chat -m ./model --system 'Summarize.' -p -", "to what another program says"],
        [
          "attune chat -m ./model -a a=runs/a/adapter -a b=runs/b/adapter",
          "switch between two with /adapter",
        ],
      ]),
    )
    .action(runChat);

async function runChat(flags: ChatFlags): Promise<void> {
  const { adapter = [], template, device, threads } = flags;
  const adapters = namedAdapters(adapter);
  const prompt = flags.prompt === "-" ? (await readAll(process.stdin)).trimEnd() : flags.prompt;
  const model = await loadModel(await fetchModel(flags.model), {
    adapters: await fetchAll(adapters),
    template: template === "none" ? undefined : template,
    device,
    threads,
    onWarning: (text) => process.stderr.write(`${printable(text)}\n`),
  });
  const ask = asking(model, flags);
  const opening: Message[] = flags.system === undefined ? [] : [{ role: "system", content: flags.system }];
  try {
    if (prompt !== undefined) await printAnswer(ask, [...opening, { role: "user", content: prompt }]);
    else {
      const talker = createTalker({ ask, opening, remembers: template !== "none", write });
      const use = (name: string) => model.useAdapter(name === BASE ? null : name);
      await converse(talker, { names: [...Object.keys(adapters), BASE], use });
    }
  } finally {
    await model.release();
  }
}

async function fetchAll(adapters: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const fetched: Record<string, string> = {};
  for (const [name, from] of Object.entries(adapters)) fetched[name] = await fetchModel(from);
  return fetched;
}

function asking(model: LoadedModel, flags: ChatFlags): Ask {
  const { maxTokens, seed, temperature, topK, topP, minP, repetitionPenalty } = flags;
  const settings = { maxTokens, seed, temperature, topK, topP, minP, repetitionPenalty };
  return (messages, options) =>
    flags.template === "none"
      ? model.complete(messages.map(({ content }) => content).join("\n"), { ...settings, ...options })
      : model.chat(messages, { ...settings, ...options });
}

/** The answer as it comes and a line break; nothing else, so that other programs can read it. */
async function printAnswer(ask: Ask, messages: readonly Message[]): Promise<void> {
  const stop = stopSignals(() => {});
  try {
    await ask(messages, { signal: stop.signal, onText: write });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = stop.exitCode();
  } finally {
    stop.ignore();
    write("\n");
  }
}

/** Other programs get the answer as it is; a terminal must not obey it. */
function write(text: string): void {
  process.stdout.write(process.stdout.isTTY ? printable(text) : text);
}
