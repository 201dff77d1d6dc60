import * as z from "zod";
import { isPlainObject } from "../text/plain_object.ts";
import { ChatRequest } from "./chat_request.ts";
import { parameterError } from "./read_body.ts";
import { samplingKeys } from "./sampling_schema.ts";

const text = z.union([
  z.string(),
  z.array(z.looseObject({ type: z.literal(["input_text", "output_text", "text"]), text: z.string() })),
]);

const item = z.preprocess(
  (value) => (isPlainObject(value) && value.type === undefined ? { ...value, type: "message" } : value),
  z.discriminatedUnion("type", [
    z.looseObject({
      type: z.literal("message"),
      role: z.literal(["user", "assistant", "system", "developer"]),
      content: text,
    }),
    z.looseObject({
      type: z.literal("function_call"),
      call_id: z.string(),
      name: z.string(),
      arguments: z.string(),
    }),
    z.looseObject({ type: z.literal("function_call_output"), call_id: z.string(), output: text }),
  ]),
);

const tool = z.looseObject({
  type: z.literal("function"),
  name: z.string(),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
});

const { model, temperature, top_p, top_k, min_p, seed, stream } = samplingKeys;
const { user, metadata, store, service_tier, safety_identifier } = samplingKeys;
const { prompt_cache_key, prompt_cache_retention } = samplingKeys;

/** The body of a request for a response, as far as text and tools go. */
export const ResponseRequest = z.strictObject({
  ...{ model, temperature, top_p, top_k, min_p, seed, stream },
  ...{ user, metadata, store, service_tier, safety_identifier, prompt_cache_key, prompt_cache_retention },
  input: z.union([z.string(), z.array(item).min(1)]),
  instructions: z.string().optional(),
  max_output_tokens: z.int().min(1).optional(),
  tools: z.array(tool).max(128).default([]),
  tool_choice: z
    .union(
      [
        z.literal(["auto", "none", "required"]),
        z.strictObject({ type: z.literal("function"), name: z.string() }),
      ],
      'expected auto, none, required or {type: "function", name}',
    )
    .default("auto"),
  parallel_tool_calls: z.boolean().default(true),
  text: z
    .strictObject({
      format: z
        .discriminatedUnion("type", [
          z.strictObject({ type: z.literal("text") }),
          z.strictObject({ type: z.literal("json_object") }),
          z.strictObject({
            type: z.literal("json_schema"),
            name: z.string(),
            description: z.string().nullish(),
            schema: z.record(z.string(), z.unknown()),
            strict: z.boolean().nullish(),
          }),
        ])
        .optional(),
    })
    .optional(),
  stream_options: z.strictObject({ include_obfuscation: z.literal(false).optional() }).optional(),
  truncation: z.literal("disabled").optional(),
  include: z.array(z.unknown()).max(0, "nothing more is included here: leave it out").optional(),
  background: z.literal(false).optional(),
  chat_template_kwargs: z.record(z.string(), z.unknown()).optional(),
  previous_response_id: z.string().optional(),
});

export type ResponseRequest = z.output<typeof ResponseRequest>;
type Item = z.output<typeof item>;

/**
 * The same as a request for a chat completion.
 * @throws ApiError that names the parameter at fault.
 */
export function chatRequestOf(asked: ResponseRequest): ChatRequest {
  if (asked.previous_response_id !== undefined)
    throw parameterError("previous_response_id", "unsupported_parameter", {
      message: "Responses are not kept here: send the whole conversation as 'input'.",
    });
  const { instructions, input, tools, max_output_tokens, text, temperature, top_p, top_k, min_p } = asked;
  const format = text?.format;
  const given = {
    ...{ model: asked.model, temperature, top_p, top_k, min_p, seed: asked.seed },
    tool_choice: toolChoiceOf(asked),
    parallel_tool_calls: asked.parallel_tool_calls,
    chat_template_kwargs: asked.chat_template_kwargs,
    messages: [
      ...(instructions === undefined ? [] : [{ role: "system", content: instructions }]),
      ...(typeof input === "string" ? [{ role: "user", content: input }] : messagesOf(input)),
    ],
    max_completion_tokens: max_output_tokens,
    tools:
      tools.length > 0
        ? tools.map(({ type: _, ...about }) => ({ type: "function", function: about }))
        : undefined,
    response_format: format?.type === "json_schema" ? jsonSchemaOf(format) : format,
  };
  return ChatRequest.parse(given);
}

const toolChoiceOf = ({ tool_choice: choice }: ResponseRequest) =>
  typeof choice === "string" ? choice : { type: choice.type, function: { name: choice.name } };

const jsonSchemaOf = ({ type, ...json_schema }: { type: "json_schema" } & Record<string, unknown>) => ({
  type,
  json_schema,
});

/** Calls that follow each other are one message's. */
function messagesOf(items: readonly Item[]): Record<string, unknown>[] {
  const messages: Record<string, unknown>[] = [];
  let calls: object[] | undefined;
  for (const one of items) {
    if (one.type === "function_call") {
      const { call_id: id, name, arguments: given } = one;
      if (!calls) {
        calls = [];
        messages.push({ role: "assistant", content: null, tool_calls: calls });
      }
      calls.push({ id, type: "function", function: { name, arguments: given } });
      continue;
    }
    calls = undefined;
    if (one.type === "function_call_output")
      messages.push({ role: "tool", tool_call_id: one.call_id, content: textOf(one.output) });
    else
      messages.push({ role: one.role === "developer" ? "system" : one.role, content: textOf(one.content) });
  }
  return messages;
}

const textOf = (content: z.output<typeof text>): string =>
  typeof content === "string" ? content : content.map((part) => part.text).join("");
