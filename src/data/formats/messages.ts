import { AttuneError } from "../../errors.ts";
import { describeOrigin, type Example, type Message, type Origin } from "../example.ts";
import { describeValue, isRow, own, type RowFormat, refuseKeys, requiredText } from "./row_fields.ts";

const ROLES = ["system", "user", "assistant", "tool"] as const;

/** OpenAI's chat format: `messages`, a list of { `role`, `content` }, with at least one from the assistant. */
export const messages: RowFormat<Example> = {
  name: "messages",
  requiredKeys: ["messages"],
  read(row, origin) {
    refuseKeys(row, ["tools", "functions", "label", "chosen", "rejected"], origin);
    const list = own(row, "messages");
    if (!Array.isArray(list) || list.length === 0)
      throw new AttuneError(
        `${describeOrigin(origin)}: "messages" should be a list of {role, content}, got ${describeValue(list)}`,
      );
    const read = list.map((message, i) => readMessage(message, i, origin));
    if (!read.some(({ role }) => role === "assistant"))
      throw new AttuneError(
        `${describeOrigin(origin)}: there is no answer: no message has the role "assistant", found ${read.map(({ role }) => role).join(", ")}`,
      );
    return { kind: "conversation", messages: read, origin };
  },
};

function readMessage(value: unknown, index: number, origin: Origin): Message {
  if (!isRow(value))
    throw new AttuneError(
      `${describeOrigin(origin)}: message ${index + 1} should be {role, content}, got ${describeValue(value)}`,
    );
  refuseKeys(value, ["tool_calls", "function_call", "weight"], origin);
  const role = requiredText(value, "role", origin);
  if (!(ROLES as readonly string[]).includes(role))
    throw new AttuneError(
      `${describeOrigin(origin)}: message ${index + 1} has the role ${JSON.stringify(role)}; known are ${ROLES.join(", ")}`,
    );
  return { role: role as Message["role"], content: requiredText(value, "content", origin) };
}
