import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTokenizer, type Tokenizer } from "../../src/tokenizers/tokenizer.ts";

/** Files of rows that both sides read, in the order in which both take them. */
export interface Rows {
  /** Alpaca's, in their order: tokens, answers labelled, cut at `maxLength`. Repeated until there are `count`. */
  tokens(model: string, count: number, maxLength: number): string;
  /** Rows of exactly `length` tokens: Alpaca's, end to end. */
  full(model: string, count: number, length: number): string;
  /** Alpaca's as messages; repeated rows get other words. */
  messages(count: number): string;
  /** Pairs of answers, short enough for `maxLength`. */
  pairs(model: string, count: number, maxLength: number): string;
}

interface AlpacaRow {
  instruction: string;
  input?: string;
  output: string;
}

interface TokenRow {
  input_ids: number[];
  labels: number[];
}

const IGNORED = -100;

/** @param data a directory of LLaMA-Factory's demo data */
export function rowsIn(folder: string, data: string): Rows {
  const alpaca = once(() => read<AlpacaRow[]>(data, "alpaca_en_demo.json"));
  const preferences = once(() => read<PairRow[]>(data, "dpo_en_demo.json"));
  const write = (key: unknown[], rows: () => readonly object[]) => {
    const path = join(
      folder,
      `${createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 16)}.jsonl`,
    );
    if (existsSync(path)) return path;
    writeFileSync(
      `${path}.partial`,
      rows()
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(""),
    );
    renameSync(`${path}.partial`, path);
    return path;
  };
  const tokenized = (model: string) => {
    const tokenizer = tokenizerOf(model);
    return alpaca().map((row) => tokensOf(row, tokenizer));
  };
  return {
    tokens: (model, count, maxLength) =>
      write(["tokens", model, count, maxLength], () => {
        const cut = tokenized(model)
          .map((row) => slice(row, 0, maxLength))
          .filter(({ labels }) => labels.slice(1).some((label) => label !== IGNORED));
        return repeated(cut, count);
      }),
    full: (model, count, length) =>
      write(["full", model, count, length], () => {
        const all = tokenized(model);
        const stream = { input_ids: all.flatMap((r) => r.input_ids), labels: all.flatMap((r) => r.labels) };
        const whole = Math.floor(stream.input_ids.length / length);
        return Array.from({ length: count }, (_, i) => slice(stream, (i % whole) * length, length));
      }),
    messages: (count) =>
      write(["messages", count], () =>
        repeated(alpaca(), count).map((row, i) => {
          const other = i < alpaca().length ? "" : ` ${(i * 2_654_435_761).toString(36)}`;
          return {
            prompt: [{ role: "user", content: questionOf(row) + other }],
            completion: [{ role: "assistant", content: row.output }],
          };
        }),
      ),
    pairs: (model, count, maxLength) =>
      write(["pairs", model, count, maxLength], () => {
        const tokenizer = tokenizerOf(model);
        const short = preferences()
          .map(pairOf)
          .filter(({ prompt, chosen, rejected }) =>
            [chosen, rejected].every((answer) => {
              const text = rendered(prompt[0]!.content) + answer[0]!.content + END;
              return tokenizer.encode(text).ids.length <= maxLength;
            }),
          );
        return repeated(short, count);
      }),
  };
}

const read = <T>(folder: string, name: string): T => JSON.parse(readFileSync(join(folder, name), "utf8"));

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const repeated = <T>(rows: readonly T[], count: number): T[] =>
  Array.from({ length: count }, (_, i) => rows[i % rows.length]!);

/** What follows `from`, and no first label: nothing predicts it. */
const slice = ({ input_ids, labels }: TokenRow, from: number, length: number): TokenRow => ({
  input_ids: input_ids.slice(from, from + length),
  labels: labels.slice(from, from + length).map((label, i) => (i === 0 ? IGNORED : label)),
});

function tokenizerOf(model: string): Tokenizer {
  const json = (name: string) => read<unknown>(model, name);
  return createTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));
}

const END = "<|im_end|>";
/** As the template of bench/make_model.py renders it. */
const rendered = (question: string) => `<|im_start|>user\n${question}${END}<|im_start|>assistant\n`;

const questionOf = ({ instruction, input }: AlpacaRow) =>
  input ? `${instruction}\n\n${input}` : instruction;

function tokensOf(row: AlpacaRow, tokenizer: Tokenizer): TokenRow {
  const prompt = [...tokenizer.encode(rendered(questionOf(row))).ids];
  const answer = [...tokenizer.encode(row.output + END).ids];
  return { input_ids: [...prompt, ...answer], labels: [...prompt.map(() => IGNORED), ...answer] };
}

interface PairRow {
  conversations: { value: string }[];
  chosen: { value: string };
  rejected: { value: string };
}

const pairOf = ({ conversations, chosen, rejected }: PairRow) => ({
  prompt: [{ role: "user", content: conversations.at(-1)!.value }],
  chosen: [{ role: "assistant", content: chosen.value }],
  rejected: [{ role: "assistant", content: rejected.value }],
});
