import { AttuneError } from "../text/errors.ts";
import { writeJson } from "../text/exact_json.ts";
import { freeMarks, isAnswer } from "./content_places.ts";
import type { Answer } from "./label_conversation.ts";
import type { Message } from "./message.ts";
import type { Template, TemplateInput } from "./template.ts";

/**
 * Where the answers are in a conversation that the template writes differently when other messages follow, or whose
 * generation prompt isn't how an answer begins. Each answer carries a mark, a private character put before its content
 * (or a tool's name); the rendering with marks must be the rendering without, but for the marks. Around the mark, the
 * answer is what this rendering has in common with that of the conversation cut after the answer.
 * @throws AttuneError naming the template and the message where that fails.
 */
export function locateAnswers(conversation: TemplateInput, template: Template, text: string): Answer[] {
  const [mark] = freeMarks(text, writeJson(conversation));
  const { messages } = conversation;
  const render = (shown: readonly Message[], addGenerationPrompt = false) =>
    template.render({ ...conversation, messages: shown }, { addGenerationPrompt });
  const others = placesOfOthers(messages, { text, mark, render });
  const answers: Answer[] = [];
  for (const [message, asked] of messages.entries()) {
    if (!isAnswer(asked)) continue;
    const place = (all: readonly Message[], plain: string) => {
      for (const marked of markings(asked, mark)) {
        const written = render(all.with(message, marked));
        const at = written.indexOf(mark);
        if (at >= 0 && written.replaceAll(mark, "") === plain) return { at, marked };
      }
      return undefined;
    };
    const cut = messages.slice(0, message + 1);
    const alone = cut.length === messages.length ? text : render(cut);
    const found = place(messages, text);
    if (!found) throw untraceable(template, message, "the template leaves it out, or changes it");
    const aloneAt = placeOf(found.marked, { cut, message, mark, alone, render });
    if (aloneAt === undefined)
      throw untraceable(template, message, "the template writes it differently when other messages follow");
    const begins = {
      before: aloneBefore({ messages, message, alone, aloneAt, render }),
      prompt: generationPrompt(conversation, template, message),
    };
    const start = beginning(text, { at: found.at, after: answers.at(-1)?.end ?? 0, ...begins });
    const end = found.at + commonPrefix(text.slice(found.at), alone.slice(aloneAt));
    if (others.some((at) => at >= start && at < end))
      throw untraceable(template, message, "the template writes other messages into it");
    answers.push({ start, end, message });
  }
  return answers;
}

/** The message with a mark, in the places where it may survive: the whole content first, then what is left of it. */
function markings(message: Message, mark: string): Message[] {
  const { content, toolCalls = [], reasoning } = message;
  const places = [
    content.search(/\S/),
    ...Array.from(content.matchAll(/<\/\w+>\s*/g), (tag) => tag.index + tag[0].length),
    content.trimEnd().length,
  ].filter((at, i, all) => at >= 0 && content.trim() !== "" && all.indexOf(at) === i);
  const inContent = places.map((at) => ({
    ...message,
    content: content.slice(0, at) + mark + content.slice(at),
  }));
  const inCall = toolCalls
    .slice(0, 1)
    .map((call) => ({ ...message, toolCalls: [{ ...call, name: mark + call.name }, ...toolCalls.slice(1)] }));
  const inReasoning = reasoning?.trim() ? [{ ...message, reasoning: mark + reasoning }] : [];
  return [...inContent, ...inCall, ...inReasoning];
}

function placeOf(
  marked: Message,
  cut: {
    cut: readonly Message[];
    message: number;
    mark: string;
    alone: string;
    render: (messages: readonly Message[]) => string;
  },
): number | undefined {
  const written = cut.render(cut.cut.with(cut.message, marked));
  const at = written.indexOf(cut.mark);
  return at >= 0 && written.replaceAll(cut.mark, "") === cut.alone ? at : undefined;
}

/** What is between the messages before the answer and its mark; nothing where those are written otherwise. */
function aloneBefore({
  messages,
  message,
  alone,
  aloneAt,
  render,
}: {
  messages: readonly Message[];
  message: number;
  alone: string;
  aloneAt: number;
  render: (messages: readonly Message[]) => string;
}): string {
  const before = message === 0 ? "" : render(messages.slice(0, message));
  return alone.startsWith(before) ? alone.slice(Math.min(before.length, aloneAt), aloneAt) : "";
}

/** Where other messages are in the text, as far as that can be seen. */
function placesOfOthers(
  messages: readonly Message[],
  { text, mark, render }: { text: string; mark: string; render: (messages: readonly Message[]) => string },
): number[] {
  const marked = messages.map((message) => {
    const at = message.content.search(/\S/);
    if (isAnswer(message) || message.role === "system" || at < 0) return message;
    return { ...message, content: message.content.slice(0, at) + mark + message.content.slice(at) };
  });
  const parts = render(marked).split(mark);
  if (parts.join("") !== text) return [];
  let at = 0;
  return parts.slice(0, -1).map((part) => {
    at += part.length;
    return at;
  });
}

/** What `addGenerationPrompt` adds before the message; of the first message, what it adds to the whole conversation. */
export function generationPrompt(conversation: TemplateInput, template: Template, message: number): string {
  const { messages } = conversation;
  const before = message === 0 ? messages : messages.slice(0, message);
  const [plain, prompted] = [false, true].map((addGenerationPrompt) =>
    template.render({ ...conversation, messages: before }, { addGenerationPrompt }),
  ) as [string, string];
  return prompted.slice(commonPrefix(plain, prompted));
}

/** Where the answer that begins at `start`, or in the generation prompt before it, goes on after the prompt. */
export function afterPrompt(text: string, start: number, prompt: string): number {
  for (let before = prompt.length; before >= 0; before--)
    if (text.startsWith(prompt, start - before) && start >= before) return start - before + prompt.length;
  return start + wholeWords(prompt, commonPrefix(text.slice(start), prompt));
}

/**
 * After the generation prompt, or as much of it as the text has; without one, as far back as the text is that of the
 * conversation cut after the answer.
 */
function beginning(
  text: string,
  { at, after, before, prompt }: { at: number; after: number; before: string; prompt: string },
): number {
  const between = text.slice(after, at);
  if (prompt === "") return at - commonSuffix(between, before);
  for (let length = prompt.length; length > 0; length--) {
    const found = between.lastIndexOf(prompt.slice(0, length));
    if (found >= 0) return after + found + wholeWords(prompt, length);
  }
  return at;
}

/** The length of the prompt's beginning, without a tag or word that is cut off at its end. */
function wholeWords(prompt: string, length: number): number {
  return length === prompt.length ? length : prompt.slice(0, length).replace(/<[^<>]*$|\w+$/, "").length;
}

function commonPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function commonSuffix(a: string, b: string): number {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a.at(-1 - length) === b.at(-1 - length)) length++;
  return length;
}

function untraceable(template: Template, message: number, why: string): AttuneError {
  return new AttuneError({
    code: "templates.unknown-place",
    place: `template ${template.name}`,
    problem: `the answer in message ${message + 1} can't be located: ${why}`,
    wayOut: "Use template: alpaca, a .jinja file that only appends, or rows with one answer at the end",
  });
}
