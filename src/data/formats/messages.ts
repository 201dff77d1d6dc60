import type { Conversation } from "../example.ts";
import { feedbackKeys, refuseRowKeys } from "./meaning_keys.ts";
import type { RowFormat } from "./row_fields.ts";
import { checkAnswered, isConversation, readConversation } from "./turns.ts";

/**
 * OpenAI's chat format: `messages`, a list of { `role`, `content`, `tool_calls`, `weight`, … } with at least one from
 * the assistant, and `tools`. `chosen` and `rejected` beside them, which some datasets have, don't change what they say.
 */
export const messages: RowFormat<Conversation> = {
  forms: [{ messages: isConversation }],
  read(row, origin) {
    refuseRowKeys(row, { also: feedbackKeys });
    const conversation = readConversation(row, "messages");
    checkAnswered(conversation.messages);
    return { kind: "conversation", ...conversation, origin };
  },
};
