import { AttuneError } from "../errors.ts";
import type { Encoding, Tokenizer } from "../tokenizers/tokenizer.ts";
import type { Message } from "./example.ts";
import type { Template } from "./template.ts";

/** Part of a text, in UTF-16 units: [start, end). */
export interface TextSpan {
  start: number;
  end: number;
}

/** A conversation as text, and where each assistant message's answer is in it. */
export interface RenderedConversation {
  text: string;
  answers: (TextSpan & { message: number; content: string })[];
}

/**
 * An answer is what an assistant message adds after its generation prompt: what lies between the rendering of the
 * messages before it, with the generation prompt, and the rendering up to and with it.
 * @throws AttuneError when these renderings don't begin each other, so that the answer's place can't be told.
 */
export function renderConversation(messages: readonly Message[], template: Template): RenderedConversation {
  const upTo = (count: number) => template.render(messages.slice(0, count), { addGenerationPrompt: false });
  const text = upTo(messages.length);
  const answers = messages.flatMap(({ role, content }, message) => {
    if (role !== "assistant") return [];
    const prompt = template.render(messages.slice(0, message), { addGenerationPrompt: true });
    const withAnswer = message === messages.length - 1 ? text : upTo(message + 1);
    if (!withAnswer.startsWith(prompt))
      throw untraceable(
        template,
        message,
        "the answer doesn't follow the generation prompt as the template writes it",
      );
    if (!text.startsWith(withAnswer))
      throw untraceable(template, message, "the template writes it differently when other messages follow");
    return [{ start: prompt.length, end: withAnswer.length, message, content }];
  });
  return { text, answers };
}

function untraceable(template: Template, message: number, why: string): AttuneError {
  return new AttuneError(
    `template ${template.name}: the place of the answer in message ${message + 1} can't be told: ${why}; use template: alpaca, a .jinja file that only appends, or rows with one answer at the end`,
  );
}

/**
 * The answer's labelled part: up to and with its end-of-turn token, which is the last special token after its content
 * (where there is none, the last added token). A line break after that is not labelled.
 * @throws AttuneError when the template ends the message with no such token: the model would never learn to stop.
 */
export function labelSpan(
  answer: RenderedConversation["answers"][number],
  { text, tokenizer, template }: { text: string; tokenizer: Tokenizer; template: Template },
  { ids, offsets }: Encoding,
): TextSpan {
  const contentEnd = endOfContent(answer, text);
  const lastEnd = (isEnd: (id: number) => boolean) =>
    offsets.findLast(([start, end], i) => start >= contentEnd && end <= answer.end && isEnd(ids[i]!))?.[1];
  const end = lastEnd(tokenizer.isSpecial) ?? lastEnd(tokenizer.isAdded);
  if (end === undefined)
    throw new AttuneError(
      `template ${template.name}: it writes no end-of-turn token after the answer in message ${answer.message + 1} (it ends with ${JSON.stringify(text.slice(answer.start, answer.end).slice(-30))}), so the model would never learn to stop; use template: alpaca, or a .jinja file that writes one`,
    );
  return { start: answer.start, end };
}

/** Special tokens inside the content end nothing. Templates may trim the content, or change it altogether. */
function endOfContent(
  { start, end, content }: RenderedConversation["answers"][number],
  text: string,
): number {
  const at = text.slice(start, end).indexOf(content.trim());
  return at < 0 ? start : start + at + content.trim().length;
}
