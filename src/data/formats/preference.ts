import type { Message, Tool } from "../../templates/message.ts";
import type { TemplateVariables } from "../../templates/template.ts";
import { AttuneError } from "../../text/errors.ts";
import { writeJson } from "../../text/exact_json.ts";
import type { Preference } from "../example.ts";
import { answerMessage, readQuestion } from "./alpaca.ts";
import { feedbackKeys, referenceKeys, refuseKeys, refuseRowKeys } from "./meaning_keys.ts";
import { isRow, isText, own, type Row, type RowFormat, wrongValue } from "./row_fields.ts";
import { readVariables } from "./template_variables.ts";
import { readTools } from "./tools.ts";
import {
  isConversation,
  isTurnList,
  noLastAnswer,
  readConversation,
  readSingleTurn,
  readTurns,
} from "./turns.ts";

const isAnswer = (value: unknown): boolean => isText(value) || isRow(value) || isTurnList(value);

/**
 * Two answers to one question, `chosen` and `rejected`: texts, messages, or lists of messages. The question is in
 * `prompt` (text or messages), `conversations`, `messages` or Alpaca's keys; or both answers are whole conversations
 * that differ in their last message (TRL's implicit prompt). Or as OpenAI's fine-tuning API has it: `input`, an object with
 * `messages` and `tools`, `preferred_output` and `non_preferred_output`.
 */
export const preference: RowFormat<Preference> = {
  forms: [
    { chosen: isAnswer, rejected: isAnswer },
    { input: isRow, preferred_output: isTurnList, non_preferred_output: isTurnList },
  ],
  rank: 2, // two answers say more than one
  read(given, origin) {
    const row = asPair(given);
    refuseRowKeys(row, { also: [...feedbackKeys, ...referenceKeys], except: ["history"] });
    const [chosen, rejected] = [readAnswer(row, "chosen"), readAnswer(row, "rejected")];
    const isWhole = chosen.length > 1 || rejected.length > 1;
    const question = isWhole ? sharedPrefix(row, chosen, rejected) : readPrompt(row);
    if (question.messages.length === 0)
      throw new AttuneError({
        code: "data.no-question",
        problem: 'there is no question: "prompt", "conversations" or "instruction" is missing',
      });
    return {
      kind: "preference",
      ...question,
      chosen: lastAnswer(chosen, "chosen"),
      rejected: lastAnswer(rejected, "rejected"),
      origin,
    };
  },
};

/** OpenAI's names as the others'. */
function asPair(row: Row): Row {
  const { input, preferred_output: chosen, non_preferred_output: rejected, ...others } = row;
  return isRow(input) && isTurnList(chosen) ? { ...others, ...input, chosen, rejected } : row;
}

interface Question {
  messages: Message[];
  tools?: Tool[];
  variables?: TemplateVariables;
}

function readAnswer(row: Row, key: string): Message[] {
  const value = own(row, key);
  if (isText(value)) return [answerMessage(value)];
  if (isRow(value)) return [readSingleTurn(value, key)];
  return readTurns(value, key);
}

function lastAnswer(messages: Message[], key: string): Message {
  const answer = messages.at(-1)!;
  if (answer.role !== "assistant") throw noLastAnswer(key, answer.role);
  return answer;
}

function readPrompt(row: Row): Question {
  const key = ["conversations", "messages"].find((name) => isConversation(own(row, name)));
  if (key !== undefined) return readConversation(row, key);
  const prompt = own(row, "prompt");
  if (isTurnList(prompt)) return readConversation(row, "prompt");
  if (isText(own(row, "instruction")))
    return { messages: readQuestion(row), ...readTools(row), ...readVariables(row) };
  if (isText(prompt)) return withText(row, prompt);
  if (prompt === undefined || prompt === null) return { messages: [] };
  throw wrongValue("prompt", "text or a list of messages", prompt);
}

function withText(row: Row, content: string): Question {
  return readConversation({ ...row, prompt: [{ role: "user", content }] }, "prompt");
}

/** What both conversations begin with; they may differ in their last message only. */
function sharedPrefix(row: Row, chosen: Message[], rejected: Message[]): Question {
  const messages = chosen.slice(0, -1);
  if (!isSame(messages, rejected.slice(0, -1)))
    throw new AttuneError({
      code: "data.other-prompt",
      problem: '"chosen" and "rejected" differ in more than their last message',
    });
  checkPrompt(row, messages);
  return { messages, ...readTools(row), ...readVariables(row) };
}

/** A prompt that is given too has to be that of the conversations. */
function checkPrompt(row: Row, messages: Message[]): void {
  refuseKeys(row, ["conversations", "system", "history"]);
  const prompt = own(row, "prompt");
  if (prompt === undefined || prompt === null || prompt === "") return;
  const agrees = isText(prompt)
    ? messages.some(({ content }) => content === prompt)
    : isSame(readTurns(prompt, "prompt"), messages);
  if (!agrees)
    throw new AttuneError({
      code: "data.other-prompt",
      problem: '"chosen" and "rejected" don\'t begin with "prompt"',
    });
}

/** Ids and times that a message carries for itself don't count. */
const isSame = (one: Message[], other: Message[]): boolean => said(one) === said(other);
const said = (messages: Message[]): string => writeJson(messages.map(({ others: _, ...message }) => message));
