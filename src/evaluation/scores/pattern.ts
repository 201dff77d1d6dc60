import { AttuneError } from "../../text/errors.ts";
import { bounded } from "../bounded.ts";
import { meanScore, type Score } from "./score.ts";

const LONGEST = 10_000; // UTF-16 units

/**
 * The answer, white space around it aside, has a match of a JavaScript regular expression.
 * @param place the setting it comes from
 * @throws AttuneError when it is no regular expression; the score does when a match takes too long.
 */
export function patternScore(source: string, place: string): Score {
  const pattern = compile(source, place);
  return meanScore("pattern", (answer) =>
    bounded(() => pattern.test(answer.trim()), {
      code: "evaluation.slow-pattern",
      place,
      problem: `${JSON.stringify(source)} takes too long on an answer of ${answer.length} characters`,
      wayOut: "Write it so that nothing that repeats holds what repeats",
    }),
  );
}

function compile(source: string, place: string): RegExp {
  const refuse = (problem: string) => new AttuneError({ code: "evaluation.bad-pattern", place, problem });
  if (source.length > LONGEST) throw refuse(`the pattern is longer than ${LONGEST} characters`);
  try {
    return new RegExp(source, "su");
  } catch (error) {
    throw refuse((error as Error).message);
  }
}
