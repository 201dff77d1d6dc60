import { AttuneError } from "../errors.ts";
import type { Message } from "./example.ts";
import { type Answer, freeMarks, isAnswer } from "./label_conversation.ts";
import type { Template, TemplateInput } from "./template.ts";

/**
 * Where the answers are in a conversation that the template writes differently when other messages follow, or whose
 * generation prompt isn't how an answer begins. Each answer carries a mark, a private character put before its content
 * (or a tool's name); the rendering with marks must be the rendering without, but for the marks. Around the mark, the
 * answer is what this rendering has in common with that of the conversation cut after the answer.
 * @throws AttuneError naming the template and the message where that fails.
 */
export function locateAnswers(conversation: TemplateInput, template: Template, text: string): Answer[] {
  const [mark] = freeMarks(text, JSON.stringify(conversation));
  const { messages, tools } = conversation;
  const render = (shown: readonly Message[], addGenerationPrompt = false) =>
    template.render({ messages: shown, tools }, { addGenerationPrompt });
  const answers: Answer[] = [];
  for (const [message, { content }] of messages.entries()) {
    if (!isAnswer(messages[message]!)) continue;
    const place = (all: readonly Message[], plain: string) => {
      for (const marked of markings(messages[message]!, mark)) {
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
    const prompt = promptOf(messages, message, { render, alone, aloneAt });
    const begin = found.at - prompt.answer.length;
    const followed = commonPrefix(text.slice(found.at), alone.slice(aloneAt));
    const start = beginning(text, { at: found.at, begin, prompt, after: answers.at(-1)?.end ?? 0 });
    answers.push({ start, end: found.at + followed, message, content });
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

interface Prompt {
  /** What the generation prompt and the answer both begin with, after the messages before: the answer's header. */
  header: string;
  /** What is between the header and the mark. */
  answer: string;
}

function promptOf(
  messages: readonly Message[],
  message: number,
  {
    render,
    alone,
    aloneAt,
  }: {
    render: (messages: readonly Message[], addGenerationPrompt?: boolean) => string;
    alone: string;
    aloneAt: number;
  },
): Prompt {
  const before = messages.slice(0, message);
  const prompt = message === 0 ? "" : render(before, true);
  const begins = message === 0 ? "" : render(before);
  const shared = Math.min(commonPrefix(prompt, alone), aloneAt);
  return {
    header: alone.slice(commonPrefix(begins, alone.slice(0, shared)), shared),
    answer: alone.slice(shared, aloneAt),
  };
}

/**
 * After the header where the text has it, or its beginning right before the mark; else as far back as the text is that
 * of the answer alone.
 */
function beginning(
  text: string,
  { at, begin, prompt, after }: { at: number; begin: number; prompt: Prompt; after: number },
): number {
  const { header, answer } = prompt;
  if (text.slice(after, at).endsWith(header + answer)) return begin;
  const between = text.slice(after, at);
  const headed = header === "" ? -1 : between.lastIndexOf(header);
  if (headed >= 0) return after + headed + header.length;
  const endsInHeader = Array.from(header, (_, i) => header.slice(0, i + 1)).some((h) => between.endsWith(h));
  return endsInHeader ? at : at - commonSuffix(between, answer);
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
  return new AttuneError(
    `template ${template.name}: the place of the answer in message ${message + 1} can't be told: ${why}; use template: alpaca, a .jinja file that only appends, or rows with one answer at the end`,
  );
}
