import { AttuneError } from "../../errors.ts";
import { describeOrigin, type Example, type Message, type Origin } from "../example.ts";
import { optionalText, own, type Row, type RowFormat, refuseKeys, requiredText } from "./row_fields.ts";

/**
 * `instruction`, optional `input`, `output`; LLaMA-Factory's `system` and `history` (earlier turns, [[user,
 * assistant], …]) too. The user's message is the instruction, then a blank line and the input when there is one.
 */
export const alpaca: RowFormat<Example> = {
  name: "alpaca",
  requiredKeys: ["instruction", "output"],
  read(row, origin) {
    refuseKeys(row, ["chosen", "rejected", "label", "tools"], origin);
    const messages: Message[] = [
      ...systemMessage(optionalText(row, "system", origin)),
      ...historyMessages(row, origin),
      userMessage(requiredText(row, "instruction", origin), optionalText(row, "input", origin)),
      { role: "assistant", content: requiredText(row, "output", origin) },
    ];
    return { kind: "conversation", messages, origin };
  },
};

function systemMessage(content: string): Message[] {
  return content === "" ? [] : [{ role: "system", content }];
}

function userMessage(instruction: string, input: string): Message {
  if (input === "") return { role: "user", content: instruction };
  const content = instruction === "" ? input : `${instruction}\n\n${input}`;
  return { role: "user", content, input };
}

function historyMessages(row: Row, origin: Origin): Message[] {
  const history = own(row, "history") ?? [];
  const isTurn = (turn: unknown): turn is [string, string] =>
    Array.isArray(turn) && turn.length === 2 && turn.every((side) => typeof side === "string");
  if (!Array.isArray(history) || !history.every(isTurn))
    throw new AttuneError(`${describeOrigin(origin)}: "history" should be a list of [user, assistant] texts`);
  return history.flatMap(([user, assistant]): Message[] => [
    { role: "user", content: user },
    { role: "assistant", content: assistant },
  ]);
}
