import { AttuneError } from "../text/errors.ts";
import type { Message } from "./message.ts";
import type { Template, TemplateInput } from "./template.ts";

/** Where a message's content, trimmed, is in a rendered conversation, in UTF-16 units. */
export interface ContentPlace {
  /** Undefined where the template leaves its beginning (the thinking) out. */
  start?: number;
  end: number;
}

/** Two characters of Unicode's private use that occur nowhere in `texts`. */
export function freeMarks(...texts: string[]): [string, string] {
  const free: string[] = [];
  for (let code = 0xe000; free.length < 2 && code < 0xf900; code++) {
    const char = String.fromCharCode(code);
    if (!texts.some((text) => text.includes(char))) free.push(char);
  }
  if (free.length < 2)
    throw new AttuneError({
      code: "templates.private-characters",
      problem: "the data uses up Unicode's private characters, which labels need",
    });
  return free as [string, string];
}

export const isAnswer = ({ role }: Message): boolean => role === "assistant";

/**
 * Where the assistant's contents are in the text, by message: found by a rendering with a mark before and after each,
 * which has to be the text but for the marks. Undefined where it isn't.
 */
export function contentPlaces(
  conversation: TemplateInput,
  template: Template,
  text: string,
): Map<number, ContentPlace> | undefined {
  const { messages } = conversation;
  const [open, close] = freeMarks(text, ...messages.map(({ content }) => content));
  const answered = messages.flatMap((message, i) => (isAnswer(message) && message.content.trim() ? [i] : []));
  const marked = messages.map((message) => (isAnswer(message) ? enclose(message, open, close) : message));
  const written = template.render({ ...conversation, messages: marked }, { addGenerationPrompt: false });
  const parts = written.split(close);
  if (parts.length !== answered.length + 1 || written.replaceAll(open, "").replaceAll(close, "") !== text)
    return undefined;
  const places = new Map<number, ContentPlace>();
  let at = 0;
  for (const [i, message] of answered.entries()) {
    const pieces = parts[i]!.split(open);
    const end = at + parts[i]!.length - (pieces.length - 1);
    places.set(message, { end, ...(pieces.length > 1 && { start: end - pieces.at(-1)!.length }) });
    at = end;
  }
  return places;
}

/** Inside the white space around the content, which templates may trim. */
function enclose(message: Message, open: string, close: string): Message {
  const { content } = message;
  const trimmed = content.trim();
  if (trimmed === "") return message;
  const start = content.indexOf(trimmed);
  const end = start + trimmed.length;
  return { ...message, content: content.slice(0, start) + open + trimmed + close + content.slice(end) };
}
