import type { Message } from "../../templates/message.ts";
import type { Conversation } from "../example.ts";
import { feedbackKeys, preferenceKeys, refuseRowKeys } from "./meaning_keys.ts";
import {
  isText,
  optionalList,
  optionalText,
  type Row,
  type RowFormat,
  requiredText,
  wrongValue,
} from "./row_fields.ts";
import { readVariables } from "./template_variables.ts";
import { readTools } from "./tools.ts";

/**
 * `instruction`, optional `input`, `output`; LLaMA-Factory's `system`, `tools` and `history` (earlier turns, [[user,
 * assistant], …]) too. The user's message is the instruction, then a blank line and the input when there is one.
 */
export const alpaca: RowFormat<Conversation> = {
  forms: [{ instruction: isText, output: isText }],
  read(row, origin) {
    refuseRowKeys(row, { also: [...preferenceKeys, ...feedbackKeys], except: ["history"] });
    const messages = [...readQuestion(row), answerMessage(requiredText(row, "output"))];
    return { kind: "conversation", messages, ...readTools(row), ...readVariables(row), origin };
  },
};

/** All of an Alpaca row that comes before the answer. */
export function readQuestion(row: Row): Message[] {
  return [
    ...systemMessage(optionalText(row, "system")),
    ...historyMessages(row),
    userMessage(requiredText(row, "instruction"), optionalText(row, "input")),
  ];
}

export const answerMessage = (content: string): Message => ({ role: "assistant", content });

export function userMessage(instruction: string, input: string): Message {
  if (input === "") return { role: "user", content: instruction };
  const content = instruction === "" ? input : `${instruction}\n\n${input}`;
  return { role: "user", content, input };
}

function systemMessage(content: string): Message[] {
  return content === "" ? [] : [{ role: "system", content }];
}

function historyMessages(row: Row): Message[] {
  const isTurn = (turn: unknown): turn is [string, string] =>
    Array.isArray(turn) && turn.length === 2 && turn.every(isText);
  const history = optionalList(row, "history");
  if (!history.every(isTurn)) throw wrongValue("history", "a list of [user, assistant] texts", history);
  return history.flatMap(([user, assistant]) => [{ role: "user", content: user }, answerMessage(assistant)]);
}
