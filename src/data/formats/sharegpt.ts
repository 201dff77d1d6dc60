import type { Conversation } from "../example.ts";
import { feedbackKeys, preferenceKeys, refuseRowKeys } from "./meaning_keys.ts";
import type { RowFormat } from "./row_fields.ts";
import { checkAnswered, isConversation, readConversation } from "./turns.ts";

/**
 * ShareGPT: `conversations`, a list of { `from`, `value` } (human, gpt, function_call, observation, …), with `system`
 * and `tools` (a list or JSON text) beside it.
 */
export const sharegpt: RowFormat<Conversation> = {
  forms: [{ conversations: isConversation }, { conversation: isConversation }],
  read(row, origin) {
    refuseRowKeys(row, { also: [...preferenceKeys, ...feedbackKeys] });
    const key = Object.hasOwn(row, "conversations") ? "conversations" : "conversation";
    const conversation = readConversation(row, key);
    checkAnswered(conversation.messages);
    return { kind: "conversation", ...conversation, origin };
  },
};
