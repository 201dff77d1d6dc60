import type { Encoding, Tokenizer } from "../tokenizers/tokenizer.ts";
import type { Message } from "./message.ts";
import type { Template, TemplateInput } from "./template.ts";

/**
 * Some templates end an answer only where the conversation goes on: by the token that begins the next turn (GLM's `<|user|>` and
 * `<|observation|>`, which are among its eos tokens), or by an end-of-turn token that the last answer lacks (Apertus).
 */

/** The text of the special token that would come after the conversation's last answer; undefined where there is none. */
export function nextTurnToken(
  conversation: TemplateInput,
  template: Template,
  tokenizer: Tokenizer,
): string | undefined {
  const rest = whatFollows(conversation, template);
  const { ids, offsets } = tokenizer.encode(rest);
  if (ids.length === 0 || offsets[0]![0] > 0 || !endsTurns(ids[0]!, tokenizer)) return undefined;
  return rest.slice(0, offsets[0]![1]);
}

/** Where the token ends that begins at `place`, if it is one that a turn may end with. */
export function turnEndAt(
  { ids, offsets }: Encoding,
  place: number,
  tokenizer: Tokenizer,
): number | undefined {
  const i = offsets.findIndex(([start, end]) => start === place && end > start);
  return i >= 0 && endsTurns(ids[i]!, tokenizer) ? offsets[i]![1] : undefined;
}

/** A BOS begins texts, and ends none. */
const endsTurns = (id: number, { isSpecial, specialTokens, idOf }: Tokenizer): boolean =>
  isSpecial(id) && (specialTokens.bos === undefined || id !== idOf(specialTokens.bos));

/** What is written behind the last answer when a user goes on, or a tool. The thinking is left out: it may not outlive a turn. */
function whatFollows({ messages, ...rest }: TemplateInput, template: Template): string {
  const render = (all: readonly Message[]) =>
    template.render({ ...rest, messages: all }, { addGenerationPrompt: false });
  const { toolCalls = [] } = messages.at(-1)!;
  const [call] = toolCalls;
  const answer: Message = {
    role: "assistant",
    ...(call ? { content: "", toolCalls } : { content: "attune" }),
  };
  const ended = [...messages.slice(0, -1), answer];
  const next: Message = call
    ? { role: "tool", content: "attune", name: call.name, ...(call.id && { toolCallId: call.id }) }
    : { role: "user", content: "attune" };
  const [alone, followed] = [render(ended), render([...ended, next])];
  return followed.startsWith(alone) ? followed.slice(alone.length) : "";
}
