import type { Message, Tool } from "../../templates/message.ts";
import type { TemplateVariables } from "../../templates/template.ts";
import type { Feedback } from "../example.ts";
import { alpaca, answerMessage, readQuestion } from "./alpaca.ts";
import { completion } from "./completion.ts";
import { preferenceKeys, referenceKeys, refuseRowKeys } from "./meaning_keys.ts";
import { messages } from "./messages.ts";
import { type Form, isText, own, type Row, type RowFormat, requiredText, wrongValue } from "./row_fields.ts";
import { sharegpt } from "./sharegpt.ts";
import { readVariables } from "./template_variables.ts";
import { readTools } from "./tools.ts";
import { isConversation, noLastAnswer, readConversation, readTurns } from "./turns.ts";

const LABELS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  [1, true],
  ["true", true],
  ["1", true],
  [false, false],
  [0, false],
  ["false", false],
  ["0", false],
]);

const isLabel = (value: unknown): boolean => labelOf(value) !== undefined;
const labelOf = (value: unknown) => LABELS.get(isText(value) ? value.toLowerCase() : value);

const answered: Form[] = [messages, sharegpt, completion, alpaca].flatMap(({ forms }) => forms);

/**
 * An answer and whether it was liked, as KTO takes it (Ethayarajh et al. 2024): `label` or LLaMA-Factory's `kto_tag`,
 * beside `messages` or `conversations` that end with the answer, `prompt` and `completion`, or Alpaca's keys.
 */
export const feedback: RowFormat<Feedback> = {
  forms: ["label", "kto_tag"].flatMap((key) => answered.map((form) => ({ [key]: isLabel, ...form }))),
  rank: 1, // a label says more than the answer beside it
  read(row, origin) {
    refuseRowKeys(row, { also: [...preferenceKeys, ...referenceKeys], except: ["history"] });
    return { kind: "feedback", ...readAnswered(row), desirable: readLabel(row), origin };
  },
};

interface Answered {
  messages: Message[];
  tools?: Tool[];
  variables?: TemplateVariables;
  answer: Message;
}

function readLabel(row: Row): boolean {
  const key = Object.hasOwn(row, "kto_tag") ? "kto_tag" : "label";
  const label = labelOf(own(row, key));
  if (label === undefined) throw wrongValue(key, "true or false", own(row, key));
  return label;
}

function readAnswered(row: Row): Answered {
  const key = ["conversations", "conversation", "messages"].find((name) => isConversation(own(row, name)));
  if (key !== undefined) return splitAnswer(readConversation(row, key), key);
  if (isText(own(row, "instruction")))
    return {
      messages: readQuestion(row),
      ...readTools(row),
      ...readVariables(row),
      answer: answerMessage(requiredText(row, "output")),
    };
  return readCompletion(row);
}

function readCompletion(row: Row): Answered {
  const prompt = own(row, "prompt");
  const turns = isText(prompt) ? [{ role: "user", content: prompt }] : prompt;
  const { messages, ...rest } = readConversation({ ...row, prompt: turns }, "prompt");
  const answer = own(row, "completion");
  const answers = isText(answer) ? [answerMessage(answer)] : readTurns(answer, "completion");
  return splitAnswer({ messages: [...messages, ...answers], ...rest }, "completion");
}

function splitAnswer({ messages, ...rest }: Omit<Answered, "answer">, key: string): Answered {
  const answer = messages.at(-1)!;
  if (answer.role !== "assistant" || messages.length < 2) throw noLastAnswer(key, answer.role);
  return { messages: messages.slice(0, -1), ...rest, answer };
}
