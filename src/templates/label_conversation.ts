import { AttuneError } from "../text/errors.ts";
import type { Encoding, Tokenizer } from "../tokenizers/tokenizer.ts";
import { settleCalls } from "./call_forms.ts";
import { type ContentPlace, contentPlaces, freeMarks, isAnswer } from "./content_places.ts";
import { afterPrompt, generationPrompt, locateAnswers } from "./locate_answers.ts";
import { turnEndAt } from "./next_turn.ts";
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
  /** The template's own `{% generation %}` marks say so. */
  isMarked?: boolean;
}

/** A conversation as text, and where each assistant message's answer is in it. */
export interface RenderedConversation {
  text: string;
  answers: (Answer & { content: ContentPlace })[];
}

/**
 * The answers are located by construction, never by looking for their text:
 * - by the template's own `{% generation %}` marks, when there is one for each assistant message, without what the
 *   generation prompt has of them;
 * - else by the difference of renderings: what lies between the rendering of the messages before an answer, with the
 *   generation prompt, and the rendering up to and with it;
 * - else, as where a template leaves the thinking out of earlier turns, by marks around the contents (locate_answers.ts).
 * @throws AttuneError when none of these can tell, or the template leaves an answer out.
 */
export function renderConversation(given: TemplateInput, template: Template): RenderedConversation {
  const conversation = settleCalls(given, (input) => template.render(input, { addGenerationPrompt: false }));
  const text = template.render(conversation, { addGenerationPrompt: false });
  const answers =
    markedAnswers(conversation, template, text) ??
    addedAnswers(conversation, template, text) ??
    locateAnswers(conversation, template, text);
  const places = contentPlaces(conversation, template, text);
  return {
    text,
    answers: answers.map((answer) => {
      const content = places?.get(answer.message) ?? findContent(answer, { conversation, template, text });
      if (content.end > answer.end || content.end < answer.start) throw leftOut(template, answer.message);
      return { ...answer, content };
    }),
  };
}

/** Where marks around a content change what the template writes. */
function findContent(
  { start, end, message }: Answer,
  { conversation, template, text }: { conversation: TemplateInput; template: Template; text: string },
): ContentPlace {
  const { content, toolCalls = [] } = conversation.messages[message]!;
  const written = text.slice(start, end);
  const spoken = content.replace(/^[\s\S]*<\/\w+>/, "").trim(); // without the thinking
  const at = written.indexOf(content.trim());
  if (at >= 0) return { start: start + at, end: start + at + content.trim().length };
  const last = written.lastIndexOf(spoken);
  if (spoken !== "" && last >= 0) return { end: start + last + spoken.length };
  if (toolCalls.length > 0) return { end: start };
  throw leftOut(template, message);
}

function leftOut({ name }: Template, message: number): AttuneError {
  return new AttuneError({
    code: "templates.changed-answer",
    place: `template ${name}`,
    problem: `the template leaves out the answer in message ${message + 1}, or changes it`,
    wayOut: "Use template: alpaca, or another template",
  });
}

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
  const { messages } = conversation;
  const asked = messages.flatMap((message, i) => (isAnswer(message) ? [i] : []));
  if (plain !== text || spans.length !== asked.length) return undefined;
  const prompt = generationPrompt(conversation, template, asked[0]!);
  return spans.map(({ start, end }, i) => {
    const afterIt = Math.min(end, afterPrompt(text, start, prompt));
    return { start: afterIt, end, message: asked[i]!, isMarked: true };
  });
}

function addedAnswers(conversation: TemplateInput, template: Template, text: string): Answer[] | undefined {
  const { messages } = conversation;
  const upTo = (count: number, addGenerationPrompt: boolean) =>
    template.render({ ...conversation, messages: messages.slice(0, count) }, { addGenerationPrompt });
  const answers: Answer[] = [];
  for (const [message, { role }] of messages.entries()) {
    if (role !== "assistant") continue;
    if (message === 0) return undefined; // no rendering shows where it begins
    const prompt = upTo(message, true);
    const withAnswer = message === messages.length - 1 ? text : upTo(message + 1, false);
    if (!withAnswer.startsWith(prompt) || !text.startsWith(withAnswer)) return undefined;
    answers.push({ start: prompt.length, end: withAnswer.length, message });
  }
  return answers;
}

/**
 * The answer's labelled part: up to and with its end-of-turn token, which is the special token after its content, with
 * those that follow it directly; after tool calls the last one. (Where there is none, an added token will do.) A line
 * break after that is not labelled. The template's own marks may leave the token out: then the part ends where they do.
 * Where there is none, the token that begins the next turn ends this one.
 * @throws AttuneError when the template ends the message with no such token: the model would never learn to stop.
 */
export function labelSpan(answer: AnswerPlace, written: Written, encoding: Encoding): TextSpan {
  const end = turnEnd(answer, written, encoding);
  if (end !== undefined) return { start: answer.start, end };
  const { text, template } = written;
  throw new AttuneError({
    code: "templates.no-end-of-turn",
    place: `template ${template.name}`,
    problem: `the template writes no end-of-turn token after the answer in message ${answer.message + 1} (it ends with ${JSON.stringify(text.slice(answer.start, answer.end).slice(-30))}), so the model would never learn to stop`,
    wayOut: "Use template: alpaca, or a .jinja file that writes one",
  });
}

type AnswerPlace = RenderedConversation["answers"][number];

interface Written {
  text: string;
  tokenizer: Tokenizer;
  template: Template;
  makesCalls?: boolean;
}

/** Where the token ends that ends the answer's turn; see `labelSpan`. */
export function turnEnd(
  answer: AnswerPlace,
  { text, tokenizer, makesCalls = false }: Written,
  encoding: Encoding,
): number | undefined {
  const from = { contentEnd: answer.content.end, end: answer.end, last: makesCalls };
  const own = endOfTurn(encoding, tokenizer.isSpecial, from) ?? endOfTurn(encoding, tokenizer.isAdded, from);
  const next = () => turnEndAt(encoding, answer.end, tokenizer);
  if (own === undefined) return answer.isMarked ? endOfToken(encoding, answer.end) : next();
  // One between two calls ends neither.
  const isBetween = makesCalls && text.slice(own, answer.end).trim() !== "";
  return isBetween ? (next() ?? own) : own;
}

/** Where the last of the tokens ends that begin before `end`. */
function endOfToken({ offsets }: Encoding, end: number): number {
  return Math.max(end, offsets.findLast(([start]) => start < end)?.[1] ?? end);
}

/** Where the token ends that ends the turn. One that begins inside the answer will do where none lies in it. */
function endOfTurn(
  { ids, offsets }: Encoding,
  isEnd: (id: number) => boolean,
  { contentEnd, end, last }: { contentEnd: number; end: number; last: boolean },
): number | undefined {
  const spans = offsets.filter(([start], i) => start >= contentEnd && start < end && isEnd(ids[i]!));
  const inside = spans.filter((span) => span[1] <= end);
  const [first, ...others] = inside.length > 0 ? inside : spans;
  if (first === undefined) return undefined;
  if (last) return (others.at(-1) ?? first)[1];
  let at = first[1];
  for (const [start, stop] of others) if (start === at) at = stop;
  return at;
}
