import { join } from "node:path";
import { Command, Option } from "commander";
import { readDataset } from "../../data/formats/read_dataset.ts";
import { exampleTexts } from "../../data/texts.ts";
import { extendVocabulary } from "../../export/extend_vocabulary.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../../files/atomic.ts";
import { openBase } from "../../pretrained/base.ts";
import { AttuneError } from "../../text/errors.ts";
import { createTokenizer, type Tokenizer } from "../../tokenizers/tokenizer.ts";
import { trainTokenizer } from "../../tokenizers/train.ts";
import { trainUnigram } from "../../tokenizers/train_unigram.ts";
import { attuneCommand } from "../attune_command.ts";
import { fetchModel } from "../fetch_model.ts";
import { formatPercent, plural } from "../format.ts";
import { examples } from "../help.ts";
import { collect, wholeNumber } from "../options.ts";
import { openScreen } from "../screen.ts";
import { headerLine } from "../train_header.ts";

export const tokenizerCommand = (command: Command): Command =>
  command
    .description(
      "Learns tokens from text: a tokenizer of its own, or more tokens for a model that spells a language with many.",
    )
    .addCommand(trainCommand())
    .addCommand(extendCommand())
    .addHelpText(
      "after",
      examples([
        ["attune tokenizer help train", "a new tokenizer"],
        ["attune tokenizer help extend", "more tokens for a model"],
      ]),
    );

interface TrainFlags {
  type: "bpe" | "unigram";
  data: string[];
  size: number;
  out: string;
  special: string[];
}

const trainCommand = (): Command =>
  new Command("train")
    .summary("learn a tokenizer from text")
    .description(
      "Writes a tokenizer that Hugging Face tokenizers, transformers and transformers.js load: byte-level BPE, as GPT-2, Llama 3 and Qwen have it, or unigram, as SentencePiece has it, with spaces as ▁ and bytes for rare characters.",
    )
    .requiredOption("-d, --data <path>", "text or rows to learn from; may be given more than once", collect)
    .requiredOption(
      "-n, --size <tokens>",
      "tokens in all: 256 bytes and the special tokens among them",
      wholeNumber(256),
    )
    .requiredOption("-o, --out <dir>", "where the tokenizer goes: a new or empty directory")
    .addOption(new Option("--type <kind>", "kind of tokenizer").choices(["bpe", "unigram"]).default("bpe"))
    .option("--special <token>", "a special token, the first ids; may be given more than once", collect, [])
    .addHelpText(
      "after",
      examples([
        [
          "attune tokenizer train --data corpus.txt --size 8000 --special '<|endoftext|>' --out ./tokenizer",
          "8,000 tokens",
        ],
        [
          "attune tokenizer train --data wiki.txt --size 8000 --type unigram --out ./tokenizer",
          "as SentencePiece has it",
        ],
      ]),
    )
    .action(runTrain);

const LEARN = { bpe: trainTokenizer, unigram: trainUnigram };

async function runTrain({ type, data, size, out, special }: TrainFlags): Promise<void> {
  const screen = openScreen();
  try {
    const { learned, heldOut } = await readTexts(data, (rows) =>
      screen.show(() => `reading, ${plural(rows, "row")} …`),
    );
    screen.show(() => `learning ${plural(size, "token")} …`);
    const json = LEARN[type](learned, { vocabSize: size, specialTokens: special });
    const config = {
      tokenizer_class: "PreTrainedTokenizerFast",
      ...(special[0] && { eos_token: special.at(-1) }),
    };
    await writeDirectoryAtomic(out, async (directory) => {
      await writeFileAtomic(join(directory, "tokenizer.json"), `${JSON.stringify(json, null, 2)}\n`);
      await writeFileAtomic(join(directory, "tokenizer_config.json"), `${JSON.stringify(config, null, 2)}\n`);
    });
    screen.clear();
    const tokenizer = createTokenizer(json, config);
    screen.print(
      [
        headerLine(
          "tokens",
          `${tokenizer.vocabSize.toLocaleString("en-US")}, ${type === "bpe" ? "byte-level BPE" : "unigram"}`,
        ),
        headerLine(
          "text",
          `${perCharacter(tokenizer, heldOut).toFixed(3)} tokens a character, on text held out`,
        ),
        headerLine("written", out),
      ].join("\n"),
    );
  } finally {
    screen.clear();
  }
}

interface ExtendFlags {
  model: string;
  data: string[];
  size: number;
  out: string;
  keep?: string[];
}

const extendCommand = (): Command =>
  new Command("extend")
    .summary("more tokens for a model's tokenizer")
    .description(
      "Learns tokens from text and adds them behind those that a model has, byte-level BPE or SentencePiece's. Old tokens keep their ids and rows; a new token starts as the mean of the tokens that spelled it. No token of ASCII characters alone is added, unless --keep names the text whose encoding must stay.",
    )
    .requiredOption("-m, --model <dir>", "the model's directory, or its name on the hub")
    .requiredOption("-d, --data <path>", "text or rows to learn from; may be given more than once", collect)
    .requiredOption("-n, --size <tokens>", "tokens to add", wholeNumber(1))
    .requiredOption("-o, --out <dir>", "where the extended model goes: a new or empty directory")
    .option("--keep <path>", "text whose encoding must stay; may be given more than once", collect)
    .addHelpText(
      "after",
      examples([
        [
          "attune tokenizer extend --model ./model --data chinese.txt --size 8000 --out ./model-zh",
          "8,000 tokens for Chinese",
        ],
      ]),
    )
    .action(runExtend);

async function runExtend(flags: ExtendFlags): Promise<void> {
  const { data, size, out, keep } = flags;
  const model = await fetchModel(flags.model);
  const screen = openScreen();
  try {
    const before = (await openBase(model)).tokenizer;
    const { learned, heldOut } = await readTexts(data, (rows) =>
      screen.show(() => `reading, ${plural(rows, "row")} …`),
    );
    const kept = keep && (await readTexts(keep)).learned;
    screen.show(() => `learning ${plural(size, "token")} …`);
    const report = await extendVocabulary({ model, output: out, texts: learned, size, keep: kept });
    const after = (await openBase(out)).tokenizer;
    const [old, now] = [perCharacter(before, heldOut), perCharacter(after, heldOut)];
    const { added, firstId, rows } = report;
    screen.clear();
    screen.print(
      [
        headerLine(
          "added",
          `${plural(added, "token")}, ids ${firstId} to ${firstId + added - 1}; ${plural(rows, "row")} in all`,
        ),
        headerLine(
          "text",
          `${old.toFixed(3)} → ${now.toFixed(3)} tokens a character, on text held out: ${formatPercent(1 - now / old)} fewer`,
        ),
        headerLine("model", out),
        headerLine(
          "next",
          `train it on, with modulesToSave: [embed_tokens, lm_head] beside LoRA; ${attuneCommand(["train", "--help"])}`,
        ),
      ].join("\n"),
    );
  } finally {
    screen.clear();
  }
}

const HELD_OUT = 20; // one text in so many says how well the tokens fit text that they weren't learned from

async function readTexts(paths: readonly string[], tell: (rows: number) => void = () => {}) {
  const texts: string[] = [];
  let rows = 0;
  for (const path of paths)
    for await (const example of readDataset({ path })) {
      if (++rows % 1000 === 0) tell(rows);
      if (example.kind !== "unusable") texts.push(...exampleTexts(example).flatMap(lines));
    }
  if (texts.length === 0)
    throw new AttuneError({
      code: "cli.no-text",
      place: paths.join(", "),
      problem: "there is no text to learn from",
    });
  const isHeldOut = (i: number) => texts.length > HELD_OUT && i % HELD_OUT === HELD_OUT - 1;
  return {
    learned: texts.filter((_, i) => !isHeldOut(i)),
    heldOut: texts.length > HELD_OUT ? texts.filter((_, i) => isHeldOut(i)) : texts,
  };
}

/** Lines with their line ends: a document is many texts, some of which can be held out. */
const lines = (text: string) => text.match(/[^\n]*\n|[^\n]+/g) ?? [];

function perCharacter(tokenizer: Tokenizer, texts: readonly string[]): number {
  let [tokens, characters] = [0, 0];
  for (const text of texts) {
    tokens += tokenizer.encode(text).ids.length;
    characters += Array.from(text).length;
  }
  return tokens / characters;
}
