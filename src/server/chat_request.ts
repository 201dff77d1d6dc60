import * as z from "zod";
import { isTurnList, readConversation } from "../data/formats/turns.ts";
import { AttuneError } from "../text/errors.ts";
import { ApiError } from "./api_error.ts";
import { samplingKeys } from "./sampling_schema.ts";

const turns = z.array(z.record(z.string(), z.unknown())).min(1);

const toolChoice = z
  .union(
    [
      z.literal(["auto", "none", "required"]),
      z.strictObject({ type: z.literal("function"), function: z.strictObject({ name: z.string() }) }),
    ],
    'expected auto, none, required or {type: "function", function: {name}}',
  )
  .default("auto");

/** The body of a request for a chat completion. */
export const ChatRequest = z.strictObject({
  ...samplingKeys,
  messages: turns,
  max_tokens: z.int().min(1).optional(),
  max_completion_tokens: z.int().min(1).optional(),
  logprobs: z.boolean().default(false),
  top_logprobs: z.int().min(0).max(20).optional(),
  tools: z.array(z.record(z.string(), z.unknown())).max(128).optional(),
  tool_choice: toolChoice,
  parallel_tool_calls: z.boolean().default(true),
  response_format: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("text") }),
      z.strictObject({ type: z.literal("json_object") }),
      z.strictObject({
        type: z.literal("json_schema"),
        json_schema: z.strictObject({
          name: z.string(),
          description: z.string().nullish(),
          schema: z.record(z.string(), z.unknown()),
          strict: z.boolean().nullish(),
        }),
      }),
    ])
    .optional(),
  modalities: z.array(z.literal("text")).optional(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).optional(),
});

export type ChatRequest = z.output<typeof ChatRequest>;

/**
 * The conversation of a request.
 * @throws ApiError when a message can't be read.
 */
export function conversationOf({ messages, tools, tool_choice }: ChatRequest) {
  if (!isTurnList(messages)) throw new Error("the schema has checked it");
  try {
    return readConversation({ messages, ...(tool_choice !== "none" && { tools }) }, "messages");
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    const param = /^(tool \d|tools|functions)/.test(error.place ?? "") ? "tools" : "messages";
    throw new ApiError({ status: 400, message: error.message, param, reason: "invalid_value" });
  }
}
