import type { Conversation, Example } from "../../data/example.ts";
import { answersOf } from "../../data/tokenize/answers.ts";
import { isAnswer } from "../../templates/content_places.ts";
import type { Prompt, Question } from "./question.ts";

/**
 * What a row of training data asks: its last answer, from all that comes before it. Of a preference the chosen answer is the
 * right one. A text is not asked, and what was disliked is no question.
 */
export function exampleQuestion(example: Example): Omit<Question, "task"> | undefined {
  const { origin } = example;
  if (example.kind === "feedback" && !example.desirable) return undefined;
  if (example.kind === "text" || example.kind === "tokens")
    return { origin, example, references: [], isGenerated: false };
  const { example: liked } = answersOf(example, "liked")[0]!;
  if (liked.kind === "completion") {
    const { prompt, completion } = liked;
    return { origin, example: liked, ...asked({ kind: "text", text: prompt }, completion) };
  }
  const last = liked.messages.findLastIndex(isAnswer);
  if (last < 0) return { origin, example: liked, references: [], isGenerated: false };
  const phrasing = liked.phrasing === undefined ? {} : { phrasing: liked.phrasing };
  return {
    origin,
    example: liked,
    ...asked(promptOf(liked, last), liked.messages[last]!.content),
    ...phrasing,
  };
}

/** Without words there is nothing to compare with: a tool call alone, for one. */
const asked = (prompt: Prompt, answer: string) => {
  const isGenerated = answer.trim() !== "";
  return { prompt, references: isGenerated ? [answer] : [], isGenerated };
};

const promptOf = ({ messages, tools, variables }: Conversation, last: number): Prompt => ({
  kind: "chat",
  messages: messages.slice(0, last),
  ...(tools && { tools }),
  ...(variables && { variables }),
});
