import { describe, expect, test } from "vitest";
import { chatTemplate } from "./chat_template.ts";
import type { Message, ToolCall } from "./message.ts";

/** Messages as `<role content>`, with the calls that `calls` writes of `c`. */
const template = (content: string, call: string) =>
  chatTemplate(
    `{% for m in messages %}<{{ m.role }} ${content}{% for c in m.tool_calls or [] %}[{{ c.function.name }} ${call}]{% endfor %}>{% endfor %}`,
    {},
  );

const AS_TEXT = "{{ '' + c.function.arguments }}";
const AS_JSON = "{{ c.function.arguments | tojson }}";
const EITHER =
  "{{ c.function.arguments if c.function.arguments is string else c.function.arguments | tojson }}";
const AS_ITEMS = "{% for k, v in c.function.arguments.items() %}{{ k }}={{ v }};{% endfor %}";

const text = '{"place":"bay","deep":2.0}';
const asText: ToolCall = { name: "tide", arguments: { place: "bay", deep: Object(2) }, argumentsText: text };
const asObject: ToolCall = { name: "tide", arguments: { place: "bay", deep: Object(2) } };

const write = (content: string, call: string, message: Partial<Message>) =>
  template(content, call).render(
    { messages: [{ role: "assistant", content: "", ...message }] },
    { addGenerationPrompt: false },
  );

describe("a call's arguments", () => {
  test.each([
    ["text, where a template adds them to a text", AS_TEXT, asText, `[tide ${text}]`],
    ["text, where a template takes either", EITHER, asText, `[tide ${text}]`],
    [
      "an object, where JSON text would become a string of JSON",
      AS_JSON,
      asText,
      '[tide {"place": "bay", "deep": 2.0}]',
    ],
    ["an object, where a template reads its entries", AS_ITEMS, asText, "[tide place=bay;deep=2.0;]"],
    ["an object, as the row has them", EITHER, asObject, '[tide {"place": "bay", "deep": 2.0}]'],
    [
      "an object, when the text is blank of entries",
      AS_JSON,
      { name: "tide", arguments: {}, argumentsText: "{}" },
      "[tide {}]",
    ],
  ])("are %s", (_, call, toolCall, written) => {
    expect(write("{{ m.content }}", call, { toolCalls: [toolCall] })).toBe(`<assistant ${written}>`);
  });
});

describe("content that isn't there", () => {
  const toolCalls = [asObject];
  test.each<[string, string, Message["missingContent"], string]>([
    ["is null for a template that asks", "{{ 'no' if m.content is none }}", "null", "no"],
    ["is null where the calls need it", "{{ 'no' if m.content is none else 1/0 }}", "absent", "no"],
    ["is empty for a template that adds to it", "{{ m.content + '!' }}", "null", "!"],
    ["is not the word None", "{{ m.content }}", "null", ""],
    ["is absent where the row has none", "{{ 'gone' if m.content is not defined }}", "absent", "gone"],
    ["is empty where the row has that", "{{ 'empty' if m.content == '' }}", undefined, "empty"],
  ])("%s", (_, content, missingContent, written) => {
    expect(write(content, AS_JSON, { toolCalls, missingContent })).toBe(
      `<assistant ${written}[tide {"place": "bay", "deep": 2.0}]>`,
    );
  });

  test("a content that is there stays, whatever becomes of the calls", () => {
    const source =
      "{% for m in messages %}{{ m.content }}{% if m.content is none %}{{ m.tool_calls[0].function.name }}{% endif %}{% endfor %}";
    const messages: Message[] = [{ role: "assistant", content: "I look.", toolCalls }];
    expect(chatTemplate(source, {}).render({ messages }, { addGenerationPrompt: false })).toBe("I look.");
  });
});

test("a call keeps its row's keys and their order", () => {
  const layout = {
    type: "function",
    index: Object(0),
    function: { name: "", arguments: null, "2": "x" },
    id: "",
  };
  const message: Message = { role: "assistant", content: "", toolCalls: [{ ...asObject, id: "k1", layout }] };
  const written = chatTemplate("{{ messages[0].tool_calls | tojson }}", {}).render(
    { messages: [message] },
    { addGenerationPrompt: false },
  );
  expect(written).toBe(
    '[{"type": "function", "index": 0.0, "function": {"2": "x", "name": "tide", "arguments": {"place": "bay", "deep": 2.0}}, "id": "k1"}]',
  );
});

test("a row that says it all is written as it is, or not at all", () => {
  expect(() => write("", AS_TEXT, { toolCalls: [asObject] })).toThrow("a string + a dict isn't possible");
  expect(write("{{ m.tool_calls is none }}{{ m.content is none }}", "", { toolCalls: [asObject] })).toBe(
    "<assistant FalseFalse[tide ]>",
  );
});

test("a template that fails in every form fails as it does for most rows", () => {
  expect(() =>
    write("{{ raise_exception('no tools here') if m.tool_calls }}", AS_JSON, { toolCalls: [asText] }),
  ).toThrow("template chat: no tools here");
});
