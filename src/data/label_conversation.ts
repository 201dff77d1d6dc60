import { AttuneError } from "../errors.ts";
import type { Encoding, Tokenizer } from "../tokenizers/tokenizer.ts";
import type { Message } from "./example.ts";
import { locateAnswers } from "./locate_answers.ts";
import type { Template, TemplateInput } from "./template.ts";

/** Part of a text, in UTF-16 units: [start, end). */
export interface TextSpan {
  start: number;
  end: number;
}

/** What an assistant message adds after its generation prompt, of a rendered conversation. */
export interface Answer extends TextSpan {
  /** Its place in the conversation. */
  message: number;
  content: string;
}

/** A conversation as text, and where each assistant message's answer is in it. */
export interface RenderedConversation {
  text: string;
  answers: Answer[];
}

/**
 * Where the answers are is told by construction, never by looking for their text:
 * - by the template's own `{% generation %}` marks, when there is one for each assistant message;
 * - else by the difference of renderings: what lies between the rendering of the messages before an answer, with the
 *   generation prompt, and the rendering up to and with it;
 * - else, as where a template leaves the thinking out of earlier turns, by marks around the contents (locate_answers.ts).
 * @throws AttuneError when none of these can tell.
 */
export function renderConversation(conversation: TemplateInput, template: Template): RenderedConversation {
  const text = template.render(conversation, { addGenerationPrompt: false });
  const answers =
    markedAnswers(conversation, template, text) ??
    addedAnswers(conversation, template, text) ??
    locateAnswers(conversation, template, text);
  return { text, answers };
}

/** Two characters of Unicode's private use that occur nowhere in `texts`. */
export function freeMarks(...texts: string[]): [string, string] {
  const free: string[] = [];
  for (let code = 0xe000; free.length < 2 && code < 0xf900; code++) {
    const char = String.fromCharCode(code);
    if (!texts.some((text) => text.includes(char))) free.push(char);
  }
  if (free.length < 2)
    throw new AttuneError("the data uses up Unicode's private characters, which labels need");
  return free as [string, string];
}

export const isAnswer = ({ role }: Message): boolean => role === "assistant";

function markedAnswers(conversation: TemplateInput, template: Template, text: string): Answer[] | undefined {
  if (!template.marksGeneration) return undefined;
  const marks = freeMarks(text);
  const [before, ...parts] = template
    .render(conversation, { addGenerationPrompt: false, marks })
    .split(marks[0]);
  const spans: TextSpan[] = [];
  let at = before!.length;
  let plain = before!;
  for (const part of parts) {
    const [inside, after, ...others] = part.split(marks[1]);
    if (after === undefined || others.length > 0) return undefined;
    spans.push({ start: at, end: at + inside!.length });
    plain += inside! + after;
    at = plain.length;
  }
  const asked = conversation.messages.flatMap((message, i) => (isAnswer(message) ? [i] : []));
  if (plain !== text || spans.length !== asked.length) return undefined;
  return spans.map((span, i) => {
    const message = asked[i]!;
    return { ...span, message, content: conversation.messages[message]!.content };
  });
}

function addedAnswers(
  { messages, tools }: TemplateInput,
  template: Template,
  text: string,
): Answer[] | undefined {
  const upTo = (count: number, addGenerationPrompt: boolean) =>
    template.render({ messages: messages.slice(0, count), tools }, { addGenerationPrompt });
  const answers: Answer[] = [];
  for (const [message, { role, content }] of messages.entries()) {
    if (role !== "assistant") continue;
    const prompt = upTo(message, true);
    const withAnswer = message === messages.length - 1 ? text : upTo(message + 1, false);
    if (!withAnswer.startsWith(prompt) || !text.startsWith(withAnswer)) return undefined;
    answers.push({ start: prompt.length, end: withAnswer.length, message, content });
  }
  return answers;
}

/**
 * The answer's labelled part: up to and with its end-of-turn token, which is the last special token after its content
 * (where there is none, the last added token). A line break after that is not labelled.
 * @throws AttuneError when the template ends the message with no such token: the model would never learn to stop.
 */
export function labelSpan(
  answer: Answer,
  { text, tokenizer, template }: { text: string; tokenizer: Tokenizer; template: Template },
  { ids, offsets }: Encoding,
): TextSpan {
  const contentEnd = endOfContent(answer, text);
  const lastEnd = (isEnd: (id: number) => boolean) =>
    offsets.findLast(([start], i) => start >= contentEnd && start < answer.end && isEnd(ids[i]!))?.[1];
  const end = lastEnd(tokenizer.isSpecial) ?? lastEnd(tokenizer.isAdded);
  if (end === undefined)
    throw new AttuneError(
      `template ${template.name}: it writes no end-of-turn token after the answer in message ${answer.message + 1} (it ends with ${JSON.stringify(text.slice(answer.start, answer.end).slice(-30))}), so the model would never learn to stop; use template: alpaca, or a .jinja file that writes one`,
    );
  return { start: answer.start, end };
}

/** Special tokens inside the content end nothing. Templates may trim the content, or change it altogether. */
function endOfContent(answer: Answer, text: string): number {
  const start = startOfContent(answer, text);
  return start === undefined ? answer.start : start + answer.content.trim().length;
}

/** Where the content, trimmed, is in the text; undefined where the template changes it. */
export function startOfContent({ start, end, content }: Answer, text: string): number | undefined {
  const at = text.slice(start, end).indexOf(content.trim());
  return at < 0 ? undefined : start + at;
}
