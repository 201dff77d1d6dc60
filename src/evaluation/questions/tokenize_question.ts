import { describeOrigin } from "../../data/example.ts";
import type { TokenSequence } from "../../data/tokenize/token_sequence.ts";
import { type TokenizeOptions, tokenizeExample } from "../../data/tokenize/tokenize_example.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Prompt, Question } from "./question.ts";

/** A question as tokens. */
export interface TokenizedQuestion {
  /** The row with its right answer; several of a long text, none where there is no answer. */
  sequences: TokenSequence[];
  /** The prompt with each of its choices, whose tokens alone are labels. */
  choices: TokenSequence[];
}

/** @throws AttuneError when the row has no label, or its choices can't be told apart. */
export function tokenizeQuestion(question: Question, options: TokenizeOptions): TokenizedQuestion {
  const { example, origin, choices, prompt } = question;
  const tokenized = example && tokenizeExample(example, { ...options, answers: "liked" });
  if (tokenized?.dropped !== undefined)
    throw new AttuneError({
      code: "evaluation.nothing-to-score",
      place: describeOrigin(origin),
      problem: tokenized.dropped,
    });
  return {
    sequences: tokenized?.sequences ?? [],
    choices: choices && prompt ? tokenizeChoices(question, prompt, choices.texts, options) : [],
  };
}

function tokenizeChoices(
  { origin }: Question,
  prompt: Prompt,
  texts: readonly string[],
  options: TokenizeOptions,
): TokenSequence[] {
  const { text, addBos } = promptText(prompt, options);
  const sequences = texts.map((choice): TokenSequence => {
    const { ids, offsets } = options.tokenizer.encode(text + choice, { addBos });
    const labelWeights = Float32Array.from(offsets, ([, end]) => Number(end > text.length));
    labelWeights[0] = 0;
    return { tokens: Int32Array.from(ids), labelWeights, origin };
  });
  const keys = sequences.map(({ tokens, labelWeights }) => `${tokens} ${labelWeights}`);
  const twin = keys.findIndex((key, i) => keys.indexOf(key) < i);
  const bare = sequences.findIndex(({ labelWeights }) => labelWeights.every((weight) => weight === 0));
  if (twin < 0 && bare < 0) return sequences;
  const named = (i: number) => JSON.stringify(texts[i]!.trim());
  throw new AttuneError({
    code: "evaluation.choices-alike",
    place: describeOrigin(origin),
    problem:
      twin >= 0
        ? `the choices ${named(keys.indexOf(keys[twin]!))} and ${named(twin)} are the same tokens: no model can tell them apart`
        : `the choice ${named(bare)} has no token of its own`,
    wayOut: "Correct the choices, or leave the row out",
  });
}

/** The text that an answer goes on from. */
export function promptText(
  prompt: Prompt,
  { template }: Pick<TokenizeOptions, "template">,
): { text: string; addBos?: boolean } {
  if (prompt.kind === "text") return { text: prompt.text, addBos: true };
  const written = template.choose?.(prompt.tools) ?? template;
  const text = written.render(
    { messages: prompt.messages, tools: prompt.tools, variables: prompt.variables },
    { addGenerationPrompt: true },
  );
  return { text, addBos: written.addsBos };
}
