import { describe, expect, test } from "vitest";
import type { Message } from "../../templates/message.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Example } from "../example.ts";
import { type Format, formatByName } from "./known_formats.ts";

const origin = { file: "a.json", row: 1 };

function read(format: Format, row: object): Example[] {
  return [formatByName(format).read({ ...row }, origin)].flat();
}

const one = (format: Format, row: object): Example => read(format, row)[0]!;

function messagesOf(format: Format, row: object): Message[] {
  const example = one(format, row);
  if (!("messages" in example)) throw new Error(`no messages in ${example.kind}`);
  return example.messages;
}

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });
const system = (content: string): Message => ({ role: "system", content });

const row = { instruction: "Add.", input: "1 and 2", output: "3" };
const weather = { name: "weather", description: "d", parameters: { type: "object", properties: {} } };
const tool = { type: "function", function: weather };
const call = { name: "weather", arguments: { city: "Ulm" } };

describe("alpaca", () => {
  test("instruction, a blank line, input; the output is the answer", () => {
    expect(one("alpaca", row)).toEqual({
      kind: "conversation",
      messages: [{ ...user("Add.\n\n1 and 2"), input: "1 and 2" }, assistant("3")],
      origin,
    });
  });

  test.each([{ input: "" }, { input: null }, {}])("no input: %j", (input) => {
    const messages = messagesOf("alpaca", { instruction: "Hi", output: "Hello", ...input });
    expect(messages).toEqual([user("Hi"), assistant("Hello")]);
  });

  test("system, history and tools", () => {
    const full = { ...row, system: "Be kind.", history: [["a", "b"]], tools: JSON.stringify([weather]) };
    expect(messagesOf("alpaca", full).map(({ role, content }) => [role, content])).toEqual([
      ["system", "Be kind."],
      ["user", "a"],
      ["assistant", "b"],
      ["user", "Add.\n\n1 and 2"],
      ["assistant", "3"],
    ]);
    expect(one("alpaca", full)).toMatchObject({ tools: [tool] });
  });
});

describe("messages, as OpenAI has them", () => {
  const turn = (message: object) => ({ messages: [message, assistant("a")] });
  const answer = (message: object) => ({ messages: [user("u"), { role: "assistant", ...message }] });
  const answerOf = (message: object) => messagesOf("messages", answer(message)).at(-1);

  test("roles", () => {
    const messages = [system("s"), user("u"), assistant("a")];
    expect(messagesOf("messages", { messages })).toEqual(messages);
    expect(messagesOf("messages", turn({ role: "developer", content: "d" }))[0]).toEqual(system("d"));
  });

  test("content as parts of text", () => {
    const content = [
      { type: "text", text: "one " },
      { type: "text", text: "two" },
    ];
    expect(answerOf({ content })).toEqual(assistant("one two"));
  });

  test("tool calls, the arguments as JSON text or as an object, and the tool's answer", () => {
    const call_1 = { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Ulm"}' } };
    const messages = [
      user("u"),
      {
        role: "assistant",
        content: null,
        tool_calls: [call_1, { ...call_1, id: undefined, function: call }],
      },
      { role: "tool", content: "sunny", tool_call_id: "c1", name: "weather" },
      assistant("It is sunny."),
    ];
    expect(one("messages", { messages, tools: [tool] })).toEqual({
      kind: "conversation",
      messages: [
        user("u"),
        {
          ...assistant(""),
          missingContent: "null",
          toolCalls: [{ id: "c1", ...call, argumentsText: '{"city":"Ulm"}' }, call],
        },
        { role: "tool", content: "sunny", toolCallId: "c1", name: "weather" },
        assistant("It is sunny."),
      ],
      tools: [tool],
      origin,
    });
  });

  test("the older function_call and functions", () => {
    const function_call = { name: "now", arguments: "" };
    const messages = [user("u"), { role: "assistant", content: null, function_call }];
    expect(one("messages", { messages, functions: [weather] })).toMatchObject({
      messages: [user("u"), { toolCalls: [{ name: "now", arguments: {} }] }],
      tools: [tool],
    });
  });

  test("weight and reasoning", () => {
    expect(answerOf({ content: "a", weight: 0, reasoning_content: "hm" })).toEqual({
      ...assistant("a"),
      weight: 0,
      reasoning: "hm",
    });
    expect(messagesOf("messages", { messages: [{ ...user("u"), weight: 0 }, assistant("a")] })[0]).toEqual(
      user("u"),
    );
  });

  test.each<[string, object, RegExp]>([
    ["no list", { messages: { a: 1 } }, /messages: expected a list of .*got an object/],
    ["none", { messages: [] }, /expected a list.*got an empty list/],
    [
      "no message",
      turn("hi" as never),
      /message 1 of "messages": a message: expected {role, content}, got "hi"/,
    ],
    ["no role", turn({ content: "x" }), /message 1 .*"role" is missing; found the keys content/],
    [
      "an unknown role",
      turn({ role: "bot", content: "" }),
      /message 1 .*role "bot" is unknown; expected system/,
    ],
    ["a role of another type", turn({ role: 5, content: "" }), /role 5 is unknown/],
    ["a role of the prototype", turn({ role: "constructor", content: "" }), /role "constructor" is unknown/],
    ["no content", answer({ content: null }), /message 2 .*content: expected text, got null/],
    ["content that is no text", answer({ content: 5 }), /content: expected text, got 5/],
    ["an image", answer({ content: [{ type: "image_url" }] }), /part of the content.*got type "image_url"/],
    ["no answer", { messages: [user("u")] }, /there is no answer.*found user/],
    [
      "arguments that are no JSON",
      answer({ tool_calls: [{ function: { name: "f", arguments: "{" } }] }),
      /arguments of f: expected JSON, got "{"/,
    ],
    [
      "arguments that are a list",
      answer({ tool_calls: [{ function: { name: "f", arguments: "[1]" } }] }),
      /arguments of f: expected a JSON object, got a list/,
    ],
    ["a call without a name", answer({ tool_calls: [{ function: {} }] }), /"name" is missing/],
    ["a call that is none", answer({ tool_calls: [5] }), /tool call: expected .* 5/],
    [
      "a user who calls",
      turn({ ...user("u"), tool_calls: [{ function: call }] }),
      /only an assistant's message may have this key/,
    ],
    ["a negative weight", answer({ content: "a", weight: -1 }), /weight: expected a number of at least 0/],
    ["a weight that is text", answer({ content: "a", weight: "1" }), /weight: expected a number/],
    [
      "a user's weight",
      turn({ ...user("u"), weight: 1 }),
      /"weight" says that a message of the role user is trained/,
    ],
    ["a user who reasons", turn({ ...user("u"), reasoning_content: "x" }), /may have this key/],
    [
      "a call's id that is no text",
      turn({ role: "tool", content: "", tool_call_id: 5 }),
      /tool_call_id: expected text/,
    ],
    [
      "arguments nested without end",
      answer({ tool_calls: [{ name: "f", arguments: `{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}` }] }),
      /arguments of f: nested more than 100 deep/,
    ],
    [
      "tools nested without end",
      { ...answer({ content: "a" }), tools: `[{"name":"f","a":${"[".repeat(1e5)}${"]".repeat(1e5)}}]` },
      /tool 1: nested more than 100 deep/,
    ],
    [
      "another trainer's switch",
      answer({ content: "a", train_detail: [{ begin_offset: 0 }] }),
      /"train_detail" changes what the row means/,
    ],
    [
      "tools without names",
      { ...answer({ content: "a" }), tools: [{}] },
      /tool 1: expected .*without a name/,
    ],
    ["tools that are no JSON", { ...answer({ content: "a" }), tools: "x" }, /tools: expected JSON/],
    ["tools that are no list", { ...answer({ content: "a" }), tools: { a: 1 } }, /tools: expected a list/],
    ["images", { ...answer({ content: "a" }), images: ["x.png"] }, /"images" changes what the row means/],
    ["a label that is none", { ...answer({ content: "a" }), label: "sports" }, /"label" changes/],
  ])("refuses %s", (_, wrong, message) => {
    expect(() => read("messages", wrong)).toThrow(AttuneError);
    expect(() => read("messages", wrong)).toThrow(message);
  });
});

describe("sharegpt", () => {
  const conversations = [
    { from: "human", value: "u" },
    { from: "function_call", value: JSON.stringify(call) },
    { from: "observation", value: "sunny" },
    { from: "gpt", value: "a" },
  ];

  test("roles, calls, tools as JSON text, and the system message", () => {
    expect(one("sharegpt", { conversations, tools: JSON.stringify([weather]), system: "s" })).toEqual({
      kind: "conversation",
      messages: [
        system("s"),
        user("u"),
        { ...assistant(""), toolCalls: [call] },
        { role: "tool", content: "sunny" },
        assistant("a"),
      ],
      tools: [tool],
      origin,
    });
  });

  test("several calls at once", () => {
    const parallel = [{ from: "function_call", value: JSON.stringify([call, call]) }];
    expect(messagesOf("sharegpt", { conversations: parallel })[0]?.toolCalls).toEqual([call, call]);
  });

  test.each([
    ["role", "content"],
    ["from", "text"],
    ["speaker", "utterance"],
  ])("keys %s and %s", (role, content) => {
    const turns = [
      { [role]: "User", [content]: "u", id: 1 },
      { [role]: "Assistant", [content]: "a", id: 2 },
    ];
    expect(messagesOf("sharegpt", { conversations: turns })).toMatchObject([user("u"), assistant("a")]);
  });

  test('tools that are "[]" are none', () => {
    expect(one("sharegpt", { conversations, tools: "[]" })).not.toHaveProperty("tools");
  });

  test.each<[object, RegExp]>([
    [{ conversations: [{ from: "function_call", value: "weather(Ulm)" }] }, /function_call: expected JSON/],
    [{ conversations: [{ from: "human", value: "u" }] }, /there is no answer/],
    [{ conversations: [{ from: "narrator", value: "u" }] }, /role "narrator" is unknown/],
    [
      { conversations: [system("one"), assistant("a")], system: "two" },
      /the key "system" and the first message are both/,
    ],
    [{ conversations, chosen: { from: "gpt", value: "x" } }, /"chosen" changes/],
  ])("refuses %j", (wrong, message) => expect(() => read("sharegpt", wrong)).toThrow(message));
});

describe("completion", () => {
  test("texts", () => {
    const texts = { prompt: "1 + 1 =", completion: " 2" };
    expect(one("completion", texts)).toEqual({ kind: "completion", ...texts, origin });
  });

  test("messages: only the completion is trained", () => {
    const prompt = [user("a"), assistant("b"), user("c")];
    expect(messagesOf("completion", { prompt, completion: [assistant("d")] })).toEqual([
      user("a"),
      { ...assistant("b"), weight: 0 },
      user("c"),
      assistant("d"),
    ]);
  });

  test.each<[object, RegExp]>([
    [{ prompt: "p", completion: "c", system: "s" }, /"system" changes/],
    [{ prompt: "p", completion: "c", label: 2 }, /"label" changes/],
    [{ prompt: "p" }, /"completion" is missing/],
    [{ prompt: [user("a")], completion: [user("b")] }, /completion: there is no message from the assistant/],
  ])("refuses %j", (wrong, message) => expect(() => read("completion", wrong)).toThrow(message));
});

describe("selfInstruct", () => {
  test("an example each instance, with the row's place", () => {
    const instances = [
      { input: "1", output: "one" },
      { input: "", output: "two" },
    ];
    expect(
      read("selfInstruct", { id: "x", instruction: "Say", instances, is_classification: false }),
    ).toEqual([
      { kind: "conversation", messages: [{ ...user("Say\n\n1"), input: "1" }, assistant("one")], origin },
      { kind: "conversation", messages: [user("Say"), assistant("two")], origin },
    ]);
  });

  test.each<[unknown, RegExp]>([
    [[], /instances: the list is empty/],
    [[5], /instance 1: expected .* 5/],
    [[{ input: "a" }], /"output" is missing/],
    ["x", /instances: expected JSON/],
  ])("refuses %j", (instances, message) =>
    expect(() => read("selfInstruct", { instruction: "i", instances })).toThrow(message),
  );
});

describe("preference", () => {
  const pair = { kind: "preference", chosen: assistant("c"), rejected: assistant("r"), origin };
  const texts = { chosen: "c", rejected: "r" };
  const whole = { chosen: [user("u"), assistant("c")], rejected: [user("u"), assistant("r")] };

  test.each<[string, object]>([
    ["a prompt", { prompt: "u", ...texts }],
    ["messages throughout", { prompt: [user("u")], chosen: [assistant("c")], rejected: [assistant("r")] }],
    [
      "ShareGPT's",
      {
        conversations: [{ from: "human", value: "u" }],
        chosen: { from: "gpt", value: "c" },
        rejected: { from: "gpt", value: "r" },
      },
    ],
    ["Alpaca's", { instruction: "u", input: "", ...texts }],
    ["whole conversations", whole],
    [
      "OpenAI's",
      {
        input: { messages: [user("u")], parallel_tool_calls: true },
        preferred_output: [assistant("c")],
        non_preferred_output: [assistant("r")],
      },
    ],
    [
      "whole conversations and their prompt",
      { prompt: "u", messages: whole.chosen, score_chosen: 1, ...whole },
    ],
  ])("%s", (_, given) => expect(one("preference", given)).toEqual({ ...pair, messages: [user("u")] }));

  test("system message and tools", () => {
    expect(one("preference", { prompt: "u", ...texts, system: "s", tools: [weather] })).toEqual({
      ...pair,
      messages: [system("s"), user("u")],
      tools: [tool],
    });
  });

  test.each<[object, RegExp]>([
    [texts, /there is no question/],
    [{ prompt: "u", chosen: "c" }, /rejected: expected a list/],
    [{ prompt: "u", chosen: 5, rejected: "r" }, /chosen: expected a list.* 5/],
    [{ prompt: "u", chosen: user("c"), rejected: "r" }, /chosen: expected an assistant's message at the end/],
    [{ ...whole, rejected: [user("other"), assistant("r")] }, /differ in more than their last message/],
    [{ ...whole, rejected: [assistant("r")] }, /differ in more than their last message/],
    [{ ...whole, prompt: "other" }, /begin with "prompt"/],
    [{ prompt: "u", ...texts, label: true }, /"label" changes/],
  ])("refuses %j", (wrong, message) => expect(() => read("preference", wrong)).toThrow(message));
});

describe("feedback", () => {
  const liked = { kind: "feedback", messages: [user("u")], answer: assistant("a"), origin };
  const turns = [user("u"), assistant("a")];

  test.each<[object, boolean]>([
    [{ messages: turns, label: true }, true],
    [{ messages: turns, label: 0 }, false],
    [{ messages: turns, kto_tag: false }, false],
    [
      {
        conversations: [
          { from: "human", value: "u" },
          { from: "gpt", value: "a" },
        ],
        label: "False",
      },
      false,
    ],
    [{ prompt: "u", completion: "a", label: "1" }, true],
    [{ prompt: [user("u")], completion: [assistant("a")], label: true }, true],
    [{ instruction: "u", output: "a", kto_tag: "true" }, true],
  ])("%j", (given, desirable) => expect(one("feedback", given)).toEqual({ ...liked, desirable }));

  test.each<[object, RegExp]>([
    [{ messages: turns }, /label: expected true or false, got nothing/],
    [{ messages: turns, label: 0.5 }, /got 0.5/],
    [{ messages: [assistant("a"), user("u")], label: true }, /expected an assistant's message at the end/],
    [{ messages: [assistant("a")], label: true }, /expected an assistant's message at the end/],
    [{ label: true }, /prompt: expected a list/],
  ])("refuses %j", (wrong, message) => expect(() => read("feedback", wrong)).toThrow(message));
});

describe("tokens", () => {
  const input_ids = [5, 6, 7];

  test.each<[object, object]>([
    [{ input_ids }, {}],
    [{ input_ids, attention_mask: [1, 1, 1] }, {}],
    [{ input_ids, labels: [-100, -100, 7] }, { labelWeights: [0, 0, 1] }],
    [{ input_ids, labels: input_ids }, { labelWeights: [0, 1, 1] }],
    [{ input_ids, label_weights: [1, 0.5, 2] }, { labelWeights: [0, 0.5, 2] }],
  ])("%j", (given, weights) =>
    expect(one("tokens", given)).toEqual({ kind: "tokens", tokens: input_ids, ...weights, origin }),
  );

  test.each<[object, RegExp]>([
    [{ input_ids: [] }, /input_ids: the list is empty/],
    [{ input_ids: "x" }, /input_ids: expected JSON/],
    [{ input_ids: [1, -1] }, /entry 2 of "input_ids": expected .*, got -1/],
    [{ input_ids: [1.5] }, /entry 1/],
    [{ input_ids: [2 ** 31] }, /entry 1/],
    [{ input_ids: [1, null] }, /entry 2 of "input_ids": expected .*, got null/],
    [{ input_ids: [[1]] }, /got a list/],
    [
      { input_ids, labels: [6, 7, -100] },
      /label 1: expected its token, 5, or -100, got 6. Put each label at its own token/,
    ],
    [{ input_ids, labels: [5] }, /labels: the list has 1 entries, "input_ids" has 3/],
    [{ input_ids, labels: [5, 6, 7, 8] }, /labels: the list has 4 entries/],
    [{ input_ids, label_weights: [1, 1, -1] }, /entry 3 of "label_weights"/],
    [{ input_ids, labels: input_ids, label_weights: [1, 1, 1] }, /both "labels" and "label_weights"/],
    [{ input_ids, attention_mask: [1, 1, 0] }, /Leave the padding out/],
    [{ input_ids, position_ids: [0, 0, 1] }, /"position_ids" changes/],
  ])("refuses %j", (wrong, message) => expect(() => read("tokens", wrong)).toThrow(message));
});

test.each<[Format, object, RegExp]>([
  ["alpaca", { ...row, output: 3 }, /output: expected text, got 3/],
  ["alpaca", { ...row, output: null }, /output: expected text, got null/],
  ["alpaca", { ...row, output: undefined }, /"output" is missing; found the keys instruction, input, output/],
  ["alpaca", { ...row, input: [] }, /input: expected text, got an empty list/],
  ["alpaca", { ...row, history: [["a"]] }, /history: expected a list of \[user, assistant\] texts/],
  ["alpaca", { ...row, chosen: "x" }, /"chosen" changes/],
  ["text", { text: 5 }, /text: expected text/],
  ["text", {}, /"text" is missing; found the keys \(none\)/],
])("%s refuses %j", (format, wrong, message) => expect(() => read(format, wrong)).toThrow(message));

test("messages about huge values stay short", () => {
  const huge = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${"k".repeat(1000)}${i}`, i]));
  expect.assertions(2);
  for (const wrong of [huge, { text: ["x".repeat(1e6)] }])
    try {
      read("text", wrong);
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(2000);
    }
});
