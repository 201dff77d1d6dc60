import type { Conversation } from "../example.ts";
import { type RowFormat, refuseKeys } from "./row_fields.ts";
import { checkAnswered, isConversation, readConversation } from "./turns.ts";

/**
 * ShareGPT: `conversations`, a list of { `from`, `value` } (human, gpt, function_call, observation, …), with `system`
 * and `tools` (a list or JSON text) beside it.
 */
export const sharegpt: RowFormat<Conversation> = {
  forms: [{ conversations: isConversation }, { conversation: isConversation }],
  read(row, origin) {
    refuseKeys(row, ["label", "kto_tag", "chosen", "rejected"]);
    const key = Object.hasOwn(row, "conversations") ? "conversations" : "conversation";
    const conversation = readConversation(row, key);
    checkAnswered(conversation.messages);
    return { kind: "conversation", ...conversation, origin };
  },
};
