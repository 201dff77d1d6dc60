import { describe, expect, test } from "vitest";
import type { Conversation, Example } from "../example.ts";
import { type Format, formatByName } from "./known_formats.ts";

const origin = { file: "a.json", row: 1 };
const read = (format: Format, row: object): Example =>
  [formatByName(format).read(JSON.parse(JSON.stringify(row)), origin)].flat()[0]!;

const user = { role: "user", content: "u" };
const answer = { role: "assistant", content: "a" };
const messages = [user, answer];

const ROWS: Record<Format, object> = {
  alpaca: { instruction: "u", output: "a" },
  sharegpt: { conversations: [user, answer] },
  messages: { messages },
  completion: { prompt: "u", completion: "a" },
  selfInstruct: { instruction: "u", instances: [{ input: "", output: "a" }] },
  text: { text: "t" },
  preference: { prompt: "u", chosen: "a", rejected: "b" },
  feedback: { prompt: "u", completion: "a", label: true },
  tokens: { input_ids: [5, 6, 7] },
};
const formats = Object.keys(ROWS) as Format[];

/** A value that says something, for each key. */
const SAYS: Record<string, unknown> = {
  loss: false,
  loss_scale: 0.5,
  loss_mask: [0, 1],
  loss_weight: 2,
  masked: true,
  mask: [1, 0],
  train: false,
  train_detail: [{ begin_offset: 0, end_offset: 1, train: true }],
  training: false,
  trainable: false,
  compute_loss: false,
  step_loss_mask: 0,
  loss_multiplier: 0.5,
  weight: 0.5,
  weights: [1, 2],
  sample_weight: 3,
  labels: [-100, 6, 7],
  label_weights: [0, 1, 1],
  completion_mask: [0, 1, 1],
  assistant_masks: [0, 1, 1],
  assistant_mask: [0, 1, 1],
  image: "a.png",
  images: ["a.png"],
  video: "a.mp4",
  videos: ["a.mp4"],
  audio: "a.wav",
  audios: ["a.wav"],
  objects: { ref: [], bbox: [[1, 2]] },
  history: [["q", "r"]],
  system_prompt: "s",
  objective: "dpo",
  margin: 0.5,
  rejected_response: "b",
  rejected_messages: messages,
};

const HONOURED: Partial<Record<Format, string[]>> = {
  alpaca: ["history"],
  tokens: ["labels", "label_weights", "completion_mask", "assistant_masks", "assistant_mask"],
};

describe.each(formats)("a row of %s", (format) => {
  test.each(Object.keys(SAYS))("with %s", (key) => {
    const row = { ...ROWS[format], [key]: SAYS[key] };
    if (HONOURED[format]?.includes(key)) expect(read(format, row)).not.toEqual(read(format, ROWS[format]));
    else expect(() => read(format, row)).toThrow(`the key "${key}" changes what the row means`);
  });

  test("where they say nothing", () => {
    const silent = {
      ...{ loss: true, loss_scale: 1, masked: false, train: true, training: 1, weight: 1, images: [] },
      ...{ history: [], system_prompt: "", weights: null, objects: null, chat_template_kwargs: {} },
    };
    expect(read(format, { ...ROWS[format], ...silent })).toEqual(read(format, ROWS[format]));
    expect(read(format, { ...ROWS[format], weight: "1", masked: "false" })).toEqual(
      read(format, ROWS[format]),
    );
  });
});

test.each<[Format, string, unknown]>([
  ["text", "system", "s"],
  ["text", "tools", [{ name: "f" }]],
  ["completion", "system", "s"],
  ["tokens", "system", "s"],
  ["selfInstruct", "tools", [{ name: "f" }]],
  ["messages", "kto_tag", true],
  ["alpaca", "label", true],
  ["preference", "label", true],
  ["preference", "ref_chosen_logps", -1],
  ["feedback", "chosen", "x"],
])("%s refuses %s", (format, key, value) => {
  expect(() => read(format, { ...ROWS[format], [key]: value })).toThrow(`the key "${key}" changes`);
});

test("history beside a conversation is refused, whatever holds it", () => {
  const history = [["q", "r"]];
  for (const [format, row] of [
    ["preference", { ...ROWS.preference, history }],
    ["preference", { chosen: messages, rejected: [user, { role: "assistant", content: "b" }], history }],
    ["feedback", { messages, label: true, history }],
    ["feedback", { ...ROWS.feedback, history }],
  ] as const)
    expect(() => read(format, row)).toThrow('the key "history" changes');
  const alpaca = { instruction: "u", chosen: "a", rejected: "b", history };
  expect((read("preference", alpaca) as Conversation).messages.map(({ content }) => content)).toEqual([
    "q",
    "r",
    "u",
  ]);
});

describe("whether a turn is trained", () => {
  const turnsOf = (changes: object) => [user, { ...answer, ...changes }];
  const weightOf = (changes: object) =>
    (read("messages", { messages: turnsOf(changes) }) as Conversation).messages[1]!.weight;

  test.each<[object, number | undefined]>([
    [{ loss: false }, 0],
    [{ loss: 0 }, 0],
    [{ loss: true }, undefined],
    [{ loss: null }, undefined],
    [{ masked: true }, 0],
    [{ masked: false }, undefined],
    [{ train: false }, 0],
    [{ train: true }, undefined],
    [{ training: false }, 0],
    [{ weight: 0.5 }, 0.5],
    [{ weight: 0.5, loss: true }, 0.5],
    [{ weight: 0.5, masked: true }, 0],
    [{ weight: 1 }, 1],
    [{ loss: true, masked: true }, 0],
    [{ prefix: false, eot: true, ipython: false, loss_scale: 1 }, undefined],
  ])("%j", (changes, weight) => expect(weightOf(changes)).toBe(weight));

  test("in every format that has turns", () => {
    const untrained = turnsOf({ loss: false });
    const weights = (example: Example) => (example as Conversation).messages.map(({ weight }) => weight);
    expect(weights(read("sharegpt", { conversations: untrained }))).toEqual([undefined, 0]);
    expect(weights(read("completion", { prompt: [user], completion: [untrained[1]] }))).toEqual([
      undefined,
      0,
    ]);
    const chosen = { prompt: "u", chosen: { ...answer, masked: true }, rejected: answer };
    expect(read("preference", chosen)).toMatchObject({ chosen: { weight: 0 } });
    expect(read("feedback", { messages: untrained, label: true })).toMatchObject({ answer: { weight: 0 } });
  });

  test.each<[object, RegExp]>([
    [{ loss: "no" }, /loss: expected true or false, got "no"/],
    [{ masked: 0.5 }, /masked: expected true or false, got 0.5/],
    [{ weight: -1 }, /weight: expected a number of at least 0, got -1/],
    [{ weight: "1" }, /weight: expected a number of at least 0, got "1"/],
    [{ loss_scale: 0.5 }, /"loss_scale" changes/],
    [{ train_detail: [{ begin_offset: 0 }] }, /"train_detail" changes/],
    [{ mask: true }, /"mask" changes/],
    [{ prefix: true }, /"prefix" changes/],
    [{ eot: false }, /"eot" changes/],
    [{ ipython: true }, /"ipython" changes/],
    [{ images: ["a.png"] }, /"images" changes/],
    [{ refusal: "no" }, /"refusal" changes/],
    [{ content: [{ type: "text", text: "a", train: false }] }, /"train" changes/],
    [{ content: [{ type: "text", text: "a", weight: 0 }] }, /"weight" changes/],
  ])("%j is refused", (changes, reason) => {
    expect(() => read("messages", { messages: turnsOf(changes) })).toThrow(reason);
  });

  test.each([{ loss: true }, { masked: false }, { train: true }, { training: true }, { weight: 0.5 }])(
    "a user's %j is refused",
    (changes) => {
      const [key] = Object.keys(changes);
      expect(() => read("messages", { messages: [{ ...user, ...changes }, answer] })).toThrow(
        `"${key}" says that a message of the role user is trained`,
      );
    },
  );

  test("a user's that is not trained anyway says nothing", () => {
    const silent = { loss: false, masked: true, train: false, weight: 0 };
    expect(read("messages", { messages: [{ ...user, ...silent }, answer] })).toEqual(
      read("messages", { messages }),
    );
  });
});

describe("chat_template_kwargs", () => {
  const kwargs = { enable_thinking: false, tone: "dry" };

  test.each<[Format, object]>([
    ["messages", ROWS.messages],
    ["sharegpt", ROWS.sharegpt],
    ["alpaca", ROWS.alpaca],
    ["preference", ROWS.preference],
    ["preference", { chosen: messages, rejected: [user, { role: "assistant", content: "b" }] }],
    ["preference", { instruction: "u", chosen: "a", rejected: "b" }],
    ["feedback", ROWS.feedback],
    ["feedback", { messages, label: true }],
    ["feedback", { instruction: "u", output: "a", label: true }],
    ["completion", { prompt: [user], completion: [answer] }],
  ])("of %s %j are the template's variables", (format, row) => {
    expect(read(format, { ...row, chat_template_kwargs: kwargs })).toMatchObject({ variables: kwargs });
    expect(read(format, { ...row, chat_template_kwargs: JSON.stringify(kwargs) })).toMatchObject({
      variables: kwargs,
    });
    expect(read(format, row)).not.toHaveProperty("variables");
  });

  test.each<Format>(["completion", "text", "tokens", "selfInstruct"])("%s has no template", (format) => {
    expect(() => read(format, { ...ROWS[format], chat_template_kwargs: kwargs })).toThrow(
      'the key "chat_template_kwargs" changes',
    );
  });

  test.each<[unknown, RegExp]>([
    [[1], /chat_template_kwargs: expected an object, got a list/],
    ["dry", /chat_template_kwargs: expected JSON, got "dry"/],
    [5, /expected an object, got 5/],
    [{ messages: [] }, /messages is no variable that can be set/],
    [{ add_generation_prompt: true }, /add_generation_prompt is no variable/],
    [{ chat_template: "x" }, /chat_template is no variable/],
    [{ a: JSON.parse("[".repeat(101) + "]".repeat(101)) }, /nested more than 100 deep/],
  ])("%j is refused", (value, reason) => {
    expect(() => read("messages", { messages, chat_template_kwargs: value })).toThrow(reason);
  });
});

test("what else a turn says is kept for the template", () => {
  const turn = { ...answer, tool_plan: "look it up", thinking: "hm", annotations: null };
  expect((read("messages", { messages: [user, turn] }) as Conversation).messages[1]).toEqual({
    ...answer,
    reasoning: "hm",
    others: { tool_plan: "look it up", thinking: "hm" },
  });
  const deep = { ...answer, notes: JSON.parse("[".repeat(102) + "]".repeat(102)) };
  expect(() => read("messages", { messages: [user, deep] })).toThrow("notes: nested more than 100 deep");
});

describe("masks of tokenized rows", () => {
  const ids = [5, 6, 7, 8];
  const weightsOf = (keys: object) =>
    (read("tokens", { input_ids: ids, ...keys }) as { labelWeights?: number[] }).labelWeights;

  test.each<[object, number[] | undefined]>([
    [{ assistant_masks: [1, 0, 1, 1] }, [0, 0, 1, 1]],
    [{ assistant_mask: [0, 0, 1, 0] }, [0, 0, 1, 0]],
    [{ completion_mask: [0, 1, 1, 1] }, [0, 1, 1, 1]],
    [{ completion_mask: [0, 1, 1, 1], assistant_masks: [0, 0, 0, 1] }, [0, 0, 0, 1]],
    [{ assistant_masks: null }, undefined],
    [{ labels: [-100, -100, 7, 8], assistant_masks: [0, 0, 1, 1] }, [0, 0, 1, 1]],
    [{ assistant_masks: "[0, 0, 0, 1]" }, [0, 0, 0, 1]],
    [{ attention_mask: [1, 1, 1, 1] }, undefined],
  ])("%j", (keys, weights) => expect(weightsOf(keys)).toEqual(weights));

  test.each<[object, RegExp]>([
    [{ assistant_masks: [0, 1] }, /assistant_masks: the list has 2 entries, "input_ids" has 4/],
    [{ assistant_masks: [0, 2, 0, 0] }, /entry 2 of "assistant_masks": expected .*, got 2/],
    [{ completion_mask: [0, true, 0, 0] }, /entry 2 of "completion_mask": expected .*, got true/],
    [{ attention_mask: [0, 1, 1, 1] }, /attention_mask: the mask has zeros/],
    [
      { labels: [-100, 6, 7, 8], assistant_masks: [0, 0, 1, 1] },
      /"assistant_masks" and "labels" disagree at token 2. Leave one of them out/,
    ],
    [
      { label_weights: [0, 1, 1, 1], assistant_masks: [0, 0, 1, 1] },
      /both "label_weights" and "assistant_masks"/,
    ],
    [{ mask: [0, 1, 1, 1] }, /"mask" changes/],
    [{ token_type_ids: [0, 0, 0, 1] }, /"token_type_ids" changes/],
  ])("%j is refused", (keys, reason) => expect(() => weightsOf(keys)).toThrow(reason));
});

test.each<[Format, object, string]>([
  ["alpaca", { instruction: "u", output: null }, "output: expected text, got null"],
  ["alpaca", { instruction: null, output: "a" }, "instruction: expected text, got null"],
  ["alpaca", { instruction: "u", output: 3 }, "output: expected text, got 3"],
  ["alpaca", { instruction: "u", output: true }, "output: expected text, got true"],
  ["alpaca", { instruction: "u", output: {} }, "output: expected text, got an object"],
  ["completion", { prompt: "u", completion: null }, "completion: expected text, got null"],
  ["text", { text: null }, "text: expected text, got null"],
  [
    "messages",
    { messages: [user, { role: "assistant", content: null }] },
    'message 2 of "messages": content: expected text, got null',
  ],
  [
    "messages",
    { messages: [user, { role: null, content: "a" }] },
    'message 2 of "messages": role: the role null is unknown',
  ],
  ["messages", { messages: null }, "messages: expected a list of {role, content}, got null"],
  ["selfInstruct", { instruction: "u", instances: [{ output: null }] }, "output: expected text, got null"],
  ["feedback", { messages, label: null }, "label: expected true or false, got null"],
  [
    "preference",
    { prompt: "u", chosen: null, rejected: "b" },
    "chosen: expected a list of {role, content}, got null",
  ],
])("a wrong type is named with the value: %s %j", (format, row, reason) => {
  expect(() => read(format, row)).toThrow(reason);
});
