import { AttuneError } from "../text/errors.ts";
import { type AlignedText, prefixAligned, rewriteAligned } from "./aligned_text.ts";
import { compilePattern } from "./pattern.ts";
import type { Matcher } from "./patterns/matcher.ts";
import type { StepBudget } from "./patterns/step_budget.ts";
import { flattenSequence, type Step } from "./sequence.ts";
import { normalizeForm } from "./unicode_form.ts";

export type Normalizer = (text: AlignedText) => AlignedText;

/** The `normalizer` of tokenizer.json, keeping track of where each character came from. */
export function createNormalizer(config: unknown, budget: StepBudget): Normalizer {
  const steps = flattenSequence("normalizer", "normalizers", config).map((step) => createStep(step, budget));
  return (text) => steps.reduce((normalized, step) => step(normalized), text);
}

function createStep({ type, ...settings }: Step, budget: StepBudget): Normalizer {
  switch (type) {
    case "Prepend": {
      const content = String(settings.prepend ?? "");
      return (text) => prefixAligned(text, content);
    }
    case "Replace":
      return replace(compilePattern(settings.pattern, budget), String(settings.content ?? ""));
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return (text) => normalizeForm(text, type);
    case "Lowercase":
      return lowercase;
  }
  throw new AttuneError({
    code: "tokenizers.unsupported-normalizer",
    place: "tokenizer.json",
    problem: `the normalizer ${JSON.stringify(type)} isn't supported`,
    expected: "Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD or Lowercase",
  });
}

function replace(match: Matcher, content: string): Normalizer {
  return (text) =>
    rewriteAligned(text, (replace) => match(text.text, (from, to) => replace(from, to, content)));
}

const CAPITALS = /[\p{Changes_When_Lowercased}]/gu;

function lowercase(text: AlignedText): AlignedText {
  return rewriteAligned(text, (replace) => {
    for (const { 0: char, index } of text.text.matchAll(CAPITALS))
      replace(index, index + char.length, char.toLowerCase());
  });
}
