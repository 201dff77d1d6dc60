import { AttuneError } from "../text/errors.ts";
import { CHAR_TO_BYTE } from "./byte_alphabet.ts";
import { compilePattern } from "./pattern.ts";
import type { Matcher } from "./patterns/matcher.ts";
import { createStepBudget, renewBudget, type StepBudget } from "./patterns/step_budget.ts";
import { flattenSequence, type Step } from "./sequence.ts";

/** How tokens become text again: the `decoder` of tokenizer.json. */
export interface TokenBytes {
  /** UTF-8 of one token. A character may be spread over several tokens. */
  bytesOf(token: string): Uint8Array<ArrayBuffer>;
  /** One space at the very start of a text is the tokenizer's own and is left out (SentencePiece). */
  stripsPrefixSpace: boolean;
}

/** @throws AttuneError when a step isn't known; `bytesOf` does when one makes a token grow without measure. */
export function createTokenBytes(config: unknown): TokenBytes {
  const steps = readSteps(config);
  const budget = createStepBudget();
  const spellings = steps.flatMap((step) => spellingOf(step, budget) ?? []);
  const lastByte = steps.map(byteOf).find((bytes) => bytes !== undefined);
  return {
    bytesOf(token) {
      renewBudget(budget, token);
      const spelled = spellings.reduce((text, spell) => spell(text), token);
      return lastByte?.(spelled) ?? utf8.encode(spelled);
    },
    stripsPrefixSpace: steps.some(stripsPrefixSpace),
  };
}

const utf8 = new TextEncoder();
const KNOWN = ["ByteLevel", "Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"];

function readSteps(config: unknown): Step[] {
  if (config === null || config === undefined)
    throw new AttuneError({
      code: "tokenizers.no-decoder",
      place: "tokenizer.json",
      problem: "it has no decoder, so tokens can't become text",
      wayOut: 'Byte-level tokenizers have {"type": "ByteLevel"}',
    });
  const steps = flattenSequence("decoder", "decoders", config);
  const unknown = steps.find(({ type }) => !KNOWN.includes(type));
  if (!unknown) return steps;
  throw new AttuneError({
    code: "tokenizers.unsupported-decoder",
    place: "tokenizer.json",
    problem: `the decoder ${JSON.stringify(unknown.type)} isn't supported`,
    expected: ["Sequence", ...KNOWN].join(", "),
  });
}

function spellingOf(step: Step, budget: StepBudget): ((token: string) => string) | undefined {
  if (step.type === "Metaspace") {
    const mark = typeof step.replacement === "string" ? step.replacement : "▁";
    return (token) => token.replaceAll(mark, " ");
  }
  return step.type === "Replace"
    ? replace(compilePattern(step.pattern, budget), String(step.content ?? ""))
    : undefined;
}

const LONGEST = 65_536; // UTF-16 units of a token's text: those in use have some hundreds

function replace(match: Matcher, content: string): (token: string) => string {
  return (token) => {
    let text = "";
    let done = 0;
    match(token, (from, to) => {
      text += token.slice(done, from) + content;
      done = to;
      if (text.length > LONGEST) throw tooLong();
    });
    return text + token.slice(done);
  };
}

function tooLong(): AttuneError {
  return new AttuneError({
    code: "tokenizers.growing-decoder",
    place: "tokenizer.json: decoder",
    problem: `a Replace makes a token longer than ${LONGEST} characters`,
    wayOut: "Take the tokenizer as its author published it",
  });
}

function byteOf(step: Step): ((token: string) => Uint8Array<ArrayBuffer> | undefined) | undefined {
  if (step.type === "ByteLevel") return byteLevel;
  if (step.type === "ByteFallback") return byteFallback;
  return undefined;
}

/** A token with other characters, an added one, stands for itself. */
function byteLevel(token: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = Array.from(token, (char) => CHAR_TO_BYTE.get(char));
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : undefined;
}

function byteFallback(token: string): Uint8Array<ArrayBuffer> | undefined {
  const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
  return hex === undefined ? undefined : Uint8Array.of(Number.parseInt(hex, 16));
}

function stripsPrefixSpace(step: Step): boolean {
  if (step.type === "Metaspace") return step.prepend_scheme !== "never";
  return step.type === "Strip" && step.content === " " && Number(step.start) > 0;
}
