import { AttuneError } from "../../text/errors.ts";
import type { Conversation, PromptCompletion } from "../example.ts";
import { feedbackKeys, preferenceKeys, refuseKeys, refuseRowKeys, templateKeys } from "./meaning_keys.ts";
import { isText, own, type RowFormat, requiredText } from "./row_fields.ts";
import { isTurnList, readConversation, readTurns } from "./turns.ts";

/**
 * `prompt` and `completion`: texts, to which no template is applied; or TRL's lists of messages, which are a
 * conversation of which only the completion is trained.
 */
export const completion: RowFormat<PromptCompletion | Conversation> = {
  forms: [
    { prompt: isText, completion: isText },
    { prompt: isTurnList, completion: isTurnList },
  ],
  read(row, origin) {
    refuseRowKeys(row, { also: [...preferenceKeys, ...feedbackKeys] });
    if (Array.isArray(own(row, "prompt"))) {
      const { messages, ...rest } = readConversation(row, "prompt");
      const given = messages.map((one) => (one.role === "assistant" ? { ...one, weight: 0 } : one));
      const answer = readTurns(own(row, "completion"), "completion");
      if (!answer.some(({ role }) => role === "assistant"))
        throw new AttuneError({
          code: "data.no-answer",
          place: "completion",
          problem: "there is no message from the assistant",
        });
      return { kind: "conversation", messages: [...given, ...answer], ...rest, origin };
    }
    refuseKeys(row, templateKeys);
    return {
      kind: "completion",
      prompt: requiredText(row, "prompt"),
      completion: requiredText(row, "completion"),
      origin,
    };
  },
};
