import { AttuneError } from "../../text/errors.ts";
import type { Conversation, Example, Feedback, Preference, PromptCompletion } from "../example.ts";

/**
 * Which answers of a row are trained: the one that was liked, a chosen and a rejected one against each other, or each
 * with its rating.
 */
export const answersValues = ["liked", "pair", "rated"] as const;
export type Answers = (typeof answersValues)[number];

/** A text to be labelled. */
export interface Answered {
  example: Conversation | PromptCompletion;
  /** The answer was disliked: its label weights are below 0. */
  disliked?: boolean;
}

type Rated = Preference | Feedback;

/**
 * The texts of a row, with their answers. Of a pair there are two, the chosen one first.
 * @throws AttuneError for a row that does not have them.
 */
export function answersOf(example: Conversation | PromptCompletion | Rated, answers: Answers): Answered[] {
  if (answers === "liked") return [{ example: isRated(example) ? withLiked(example) : example }];
  if (answers === "pair" && example.kind === "preference") {
    const { chosen, rejected } = example;
    return [{ example: withAnswer(example, chosen) }, { example: withAnswer(example, rejected) }];
  }
  if (answers === "rated" && isRated(example)) return ratedAnswers(example);
  throw notServed(example, answers);
}

const isRated = (example: Example): example is Rated =>
  example.kind === "preference" || example.kind === "feedback";

const withLiked = (example: Rated): Conversation =>
  withAnswer(example, example.kind === "preference" ? example.chosen : example.answer);

function withAnswer(
  { messages, tools, variables, origin }: Rated,
  answer: Preference["chosen"],
): Conversation {
  return { kind: "conversation", messages: [...messages, answer], tools, variables, origin };
}

/** A preference is two ratings, as TRL unpairs them. */
function ratedAnswers(example: Rated): Answered[] {
  if (example.kind === "feedback")
    return [{ example: withAnswer(example, example.answer), disliked: !example.desirable }];
  const { chosen, rejected } = example;
  return [
    { example: withAnswer(example, chosen) },
    { example: withAnswer(example, rejected), disliked: true },
  ];
}

const NEEDED: Record<Exclude<Answers, "liked">, string> = {
  pair: 'preference rows: a prompt with a "chosen" and a "rejected" answer',
  rated: 'rows with a rated answer: a "completion" with a "label", or "chosen" and "rejected"',
};

/** @throws AttuneError for rows that can't serve the objective. */
export function notServed({ kind }: Pick<Example, "kind">, answers: Exclude<Answers, "liked">): AttuneError {
  return new AttuneError({
    code: "data.not-for-objective",
    problem: `the recipe's objective needs ${NEEDED[answers]}`,
    got: `a row of the kind ${kind}`,
    wayOut: "Give such rows, or leave objective out to train the answers as they are",
  });
}
