import { AttuneError } from "../../text/errors.ts";
import { bounded } from "../bounded.ts";
import type { Arguments } from "./arguments.ts";
import { INSTRUCTIONS } from "./instructions.ts";
import { isBlank } from "./python_text.ts";

/** Which of a row's instructions an answer follows, [instructions]. */
export interface Followed {
  strict: boolean[];
  /** Also without its first line, its last line or both, and without asterisks. */
  loose: boolean[];
}

/** Checks answers to a row whose `instruction_id_list` and `kwargs` say what they should be. */
export type Follow = (answer: string) => Followed;

/**
 * @param place the file and row
 * @throws AttuneError that names the instruction that is unknown, or lacks what it takes.
 */
export function openInstructions(
  ids: readonly string[],
  kwargs: readonly Arguments[],
  place: string,
): Follow {
  const checks = ids.map((id, i) => open(id, kwargs[i] ?? {}, place));
  const follows = (text: string, check: (answer: string) => boolean) => !isBlank(text) && check(text);
  return (answer) =>
    bounded(
      () => {
        const variants = looseVariants(answer);
        return {
          strict: checks.map((check) => follows(answer, check)),
          loose: checks.map((check) => variants.some((variant) => follows(variant, check))),
        };
      },
      {
        code: "evaluation.slow-pattern",
        place,
        problem: "a keyword of its kwargs takes too long to look for",
      },
    );
}

function open(id: string, given: Arguments, place: string): (answer: string) => boolean {
  if (!Object.hasOwn(INSTRUCTIONS, id))
    throw new AttuneError({
      code: "evaluation.unknown-instruction",
      place,
      problem: `instruction_id_list: ${JSON.stringify(id)} is none of IFEval's`,
      expected: Object.keys(INSTRUCTIONS).join(", "),
    });
  try {
    return INSTRUCTIONS[id]!.open(given);
  } catch (error) {
    throw new AttuneError(
      { code: "evaluation.ifeval-argument", place, problem: `${id}: ${(error as Error).message}` },
      { cause: error },
    );
  }
}

/** The answer as it is, and as IFEval's loose score also takes it. */
function looseVariants(answer: string): string[] {
  const lines = answer.split("\n");
  const parts = [lines.slice(1), lines.slice(0, -1), lines.slice(1, -1)];
  const all = [answer, ...parts.map((some) => some.join("\n").trim())];
  return [...all, ...all.map((text) => text.replaceAll("*", ""))];
}
