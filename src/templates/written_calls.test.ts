import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { chatTemplate } from "./chat_template.ts";
import type { Message, Tool } from "./message.ts";
import { callWriting, readWrittenCalls } from "./written_calls.ts";

const tools: Tool[] = [
  {
    type: "function",
    function: { name: "weather", description: "of a city", parameters: { type: "object" } },
  },
];
const templateOf = (name: string) => {
  const path = fileURLToPath(new URL(`goldens/${name}.jinja`, import.meta.url));
  return chatTemplate(readFileSync(path, "utf8"), {}, { name });
};

describe.each([
  ["qwen2_5", "<tool_call>"],
  ["qwen3", "<tool_call>"],
  ["llama3_1", ""],
])("%s", (name, begin) => {
  const template = templateOf(name);
  const writing = callWriting(template, { tools })!;

  test("how calls are written is found by an example", () => {
    expect(writing.begin).toBe(begin);
  });

  test("what the template writes is read back", () => {
    const question: Message = { role: "user", content: "Weather?" };
    const args = { city: 'Paris "}{', days: [1, { two: null }] };
    const call: Message = {
      role: "assistant",
      content: "",
      toolCalls: [{ name: "weather", arguments: args }],
    };
    const render = (messages: Message[], addGenerationPrompt: boolean) =>
      template.render({ messages, tools }, { addGenerationPrompt });
    const answer = render([question, call], false).slice(render([question], true).length);
    const text = answer.replace(/<\|(im_end|eot_id|eom_id)\|>\s*$/, "");
    const { content, calls } = readWrittenCalls(text, writing);
    expect(calls).toEqual([{ name: "weather", arguments: args }]);
    expect(content).toBe(name === "qwen3" ? "<think>\n\n</think>" : "");
  });
});

describe("an answer", () => {
  const hermes = { begin: "<tool_call>", name: "name", arguments: "arguments" };
  const call = '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>';

  test("text before calls stays text, and several calls are several", () => {
    expect(readWrittenCalls(`Let me see.\n${call}\n${call}`, hermes)).toEqual({
      content: "Let me see.",
      calls: [
        { name: "f", arguments: { x: 1 } },
        { name: "f", arguments: { x: 1 } },
      ],
    });
  });

  test.each(["just text", "<tool_call>\n{broken", '<tool_call>{"name": 5}', "<tool_call>"])(
    "%j is text",
    (text) => {
      expect(readWrittenCalls(text, hermes)).toEqual({ content: text, calls: [] });
    },
  );

  test("a list of calls, and arguments as JSON text", () => {
    const mistral = { begin: "[TOOL_CALLS]", name: "name", arguments: "arguments" };
    const text = '[TOOL_CALLS] [{"name": "f", "arguments": "{\\"x\\": 1}"}, {"name": "g", "arguments": {}}]';
    expect(readWrittenCalls(text, mistral).calls).toEqual([
      { name: "f", arguments: { x: 1 } },
      { name: "g", arguments: {} },
    ]);
  });

  test("calls with a ; between, where an answer that calls is nothing else", () => {
    const llama = { begin: "", name: "name", arguments: "parameters" };
    const text = '{"name": "f", "parameters": {}}; {"name": "g", "parameters": {}}';
    expect(readWrittenCalls(text, llama).calls.map(({ name }) => name)).toEqual(["f", "g"]);
    expect(readWrittenCalls('{"other": 1}', llama)).toEqual({ content: '{"other": 1}', calls: [] });
  });
});
