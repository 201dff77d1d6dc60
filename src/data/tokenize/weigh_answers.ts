import {
  labelSpan,
  type RenderedConversation,
  renderConversation,
  turnEnd,
} from "../../templates/label_conversation.ts";
import type { Message } from "../../templates/message.ts";
import { nextTurnToken } from "../../templates/next_turn.ts";
import type { Template } from "../../templates/template.ts";
import { checkVariables } from "../../templates/template_variables.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Encoding, Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { Conversation } from "../example.ts";
import type { LabelledText, WeightedSpan } from "./label_tokens.ts";
import type { TrainOn } from "./tokenize_example.ts";

/**
 * The conversation's tokens, and what of its text is trained how much.
 * @throws AttuneError as renderConversation and labelSpan do, or when a message's `spans` can't be placed.
 */
export function labelConversation(
  conversation: Conversation,
  {
    tokenizer,
    template,
    trainOn = "answers",
    encode,
  }: { tokenizer: Tokenizer; template: Template; trainOn?: TrainOn; encode: (text: string) => Encoding },
): LabelledText {
  const { messages, variables } = conversation;
  checkVariables(template, variables, "the row's chat_template_kwargs");
  if (trainOn === "everything") {
    const text = template.render(conversation, { addGenerationPrompt: false });
    return { text, encoding: encode(text), spans: [{ start: 0, end: text.length, weight: 1 }] };
  }
  const { answers, ...rendered } = renderConversation(conversation, template);
  const { text, encoding } = ended(rendered.text, answers.at(-1), {
    conversation,
    template,
    tokenizer,
    encode,
  });
  const wanted = trainOn === "lastAnswer" ? answers.slice(-1) : answers;
  const spans = wanted.flatMap((answer): WeightedSpan[] => {
    const { weight = 1, spans, toolCalls = [] } = messages[answer.message]!;
    if (weight === 0) return [];
    if (!toolCalls.every(({ name }) => text.slice(answer.start, answer.end).includes(name)))
      throw new AttuneError({
        code: "data.calls-not-written",
        place: `template ${template.name}`,
        problem: `the template leaves out the tool calls of message ${answer.message + 1}`,
        wayOut: "Use a template that writes tool calls, or rows without them",
      });
    const makesCalls = toolCalls.length > 0;
    const span = labelSpan(answer, { text, tokenizer, template, makesCalls }, encoding);
    const contentEnd = makesCalls ? undefined : answer.content.end; // calls are no content
    const parts = spans && placeParts(answer, messages[answer.message]!, template);
    return [{ ...span, weight, parts, answer: { contentEnd, isMarked: answer.isMarked } }];
  });
  return { text, encoding, spans };
}

/** The text, with what would come after an answer that ends it without a token; see next_turn.ts. */
function ended(
  text: string,
  last: RenderedConversation["answers"][number] | undefined,
  {
    conversation,
    encode,
    ...by
  }: {
    conversation: Conversation;
    template: Template;
    tokenizer: Tokenizer;
    encode: (text: string) => Encoding;
  },
): { text: string; encoding: Encoding } {
  const encoding = encode(text);
  if (!last || last.end < text.length) return { text, encoding };
  const makesCalls = (conversation.messages[last.message]!.toolCalls ?? []).length > 0;
  const end = turnEnd(last, { text, makesCalls, ...by }, encoding);
  if (end !== undefined && text.slice(end).trim() === "") return { text, encoding };
  const next = nextTurnToken(conversation, by.template, by.tokenizer);
  return next === undefined ? { text, encoding } : { text: text + next, encoding: encode(text + next) };
}

/** From places in the content to places in the text. Templates may trim the content, and no more. */
function placeParts(
  answer: RenderedConversation["answers"][number],
  { content, spans = [] }: Message,
  template: Template,
): NonNullable<WeightedSpan["parts"]> {
  if (answer.content.start === undefined)
    throw new AttuneError({
      code: "data.changed-content",
      place: `template ${template.name}`,
      problem: `the template changes the content of message ${answer.message + 1}, so the weights of its parts (spans) can't be placed`,
      wayOut: "Leave spans out, or use another template",
    });
  const shift = answer.content.start - content.indexOf(content.trim());
  return spans.map(({ start, end, weight }) => ({ start: start + shift, end: end + shift, weight }));
}
