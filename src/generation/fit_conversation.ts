import type { Message } from "../templates/message.ts";

/** What a conversation has to fit into, in tokens. */
export interface Room {
  /** For the prompt and the answer. */
  context: number;
  /** For the answer. */
  answer: number;
}

/**
 * The prompt of `messages`, of which as few of the oldest turns are left out as it takes to leave room for the answer:
 * never what stands before the first turn (the system message), nor the last turn. A turn begins with a user's message.
 * @param promptOf the tokens of a conversation.
 */
export function fitConversation(
  messages: readonly Message[],
  promptOf: (messages: readonly Message[]) => number[],
  { context, answer }: Room,
): { prompt: number[]; dropped: number } {
  const starts = messages.flatMap(({ role }, i) => (role === "user" ? [i] : []));
  const first = starts[0] ?? 0;
  const from = (turn: number) => [...messages.slice(0, first), ...messages.slice(starts[turn] ?? first)];
  let [prompt, least, most] = [promptOf(messages), 0, starts.length - 1];
  const fits = (tokens: readonly number[]) => tokens.length + answer <= context;
  if (fits(prompt) || most <= 0) return { prompt, dropped: 0 };
  // The fewest turns to drop, between `least`, which are too few, and `most`, which is all one can.
  prompt = promptOf(from(most));
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    const tokens = promptOf(from(middle));
    if (fits(tokens)) [prompt, most] = [tokens, middle];
    else least = middle;
  }
  return { prompt, dropped: starts[most]! - first };
}
