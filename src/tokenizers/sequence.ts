import { AttuneError } from "../text/errors.ts";

/** A part of tokenizer.json: a step and its settings. */
export type Step = { type: string } & Record<string, unknown>;

const MOST = 100; // steps, and sequences in sequences

/**
 * The steps of a normalizer, pre-tokenizer or decoder: those of a `Sequence` one after another, which may hold sequences.
 * @param key where tokenizer.json has it, and @param list the key of a sequence's steps.
 * @throws AttuneError when it isn't built so.
 */
export function flattenSequence(key: string, list: string, config: unknown, depth = 0): Step[] {
  if (depth === 0 && (config === null || config === undefined)) return [];
  const step = config as Step;
  if (typeof step !== "object" || step === null || typeof step.type !== "string")
    throw unreadable(key, "a step with a type", JSON.stringify(config));
  if (step.type !== "Sequence") return [step];
  const inner = step[list];
  if (!Array.isArray(inner)) throw unreadable(key, `a list of ${list} in a Sequence`, JSON.stringify(inner));
  if (depth > MOST) throw unreadable(key, `at most ${MOST} sequences in each other`);
  const steps = inner.flatMap((config) => flattenSequence(key, list, config, depth + 1));
  if (steps.length > MOST) throw unreadable(key, `at most ${MOST} steps`, String(steps.length));
  return steps;
}

function unreadable(key: string, expected: string, got?: string): AttuneError {
  return new AttuneError({
    code: "tokenizers.unreadable-step",
    place: `tokenizer.json: ${key}`,
    expected,
    got,
  });
}
