import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import type { Message } from "../../templates/message.ts";
import { alpacaTemplate, chatTemplate, makeTemplate, type Template } from "../../templates/template.ts";
import { AttuneError } from "../../text/errors.ts";
import { createTokenizer, type Tokenizer } from "../../tokenizers/tokenizer.ts";
import { trainTokenizer } from "../../tokenizers/train.ts";
import type { Example } from "../example.ts";
import { readDataset } from "../formats/read_dataset.ts";
import { prepareList } from "./testing/prepare_list.ts";
import type { TokenSequence } from "./token_sequence.ts";
import { type TokenizeOptions, tokenizeExample } from "./tokenize_example.ts";

const CHATML =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const LLAMA2 =
  "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}";

const tokenizerJson = trainTokenizer(["user assistant system hello world 你好世界 "], {
  vocabSize: 300,
  specialTokens: ["<s>", "</s>", "<|im_start|>", "<|im_end|>"],
});
const withAdded = {
  ...tokenizerJson,
  added_tokens: [...tokenizerJson.added_tokens, { id: 400, content: "</turn>" }],
};
const tokenizer = createTokenizer(withAdded, { bos_token: "<s>", eos_token: "</s>" });
const jinja = (source: string) => chatTemplate(source, tokenizer.specialTokens);
const chatml = jinja(CHATML);

const origin = { file: "a.json", row: 3 };

async function readFile(url: URL): Promise<Example[]> {
  const examples: Example[] = [];
  for await (const row of readDataset({ path: fileURLToPath(url) })) {
    if (row.kind === "unusable") throw new Error(row.reason);
    examples.push(row);
  }
  return examples;
}
const talk = (...contents: string[]): Example => ({
  kind: "conversation",
  messages: contents.map((content, i): Message => ({ role: i % 2 === 0 ? "user" : "assistant", content })),
  origin,
});
const options = (changes: Partial<TokenizeOptions> = {}): TokenizeOptions => ({
  tokenizer,
  template: chatml,
  maxLength: 1000,
  stage: "instruct",
  ...changes,
});

/** Runs of labelled tokens, as text. */
function labelled({ tokens, labelWeights }: TokenSequence): string[] {
  const runs: number[][] = [];
  tokens.forEach((token, i) => {
    if (!labelWeights[i]) return;
    if (labelWeights[i - 1]) runs.at(-1)!.push(token);
    else runs.push([token]);
  });
  return runs.map((run) => tokenizer.decode(run));
}
const only = (example: Example, changes: Partial<TokenizeOptions> = {}) => {
  const { sequences, ...rest } = tokenizeExample(example, options(changes));
  expect(sequences).toHaveLength(1);
  return { sequence: sequences[0]!, ...rest };
};

describe("labels of a conversation", () => {
  test("ChatML: the answers and their end-of-turn tokens, not the line break after", () => {
    const { sequence, truncated } = only(talk("hi", "hello 世界", "more?", "no"));
    expect(tokenizer.decode(sequence.tokens)).toBe(
      "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhello 世界<|im_end|>\n<|im_start|>user\nmore?<|im_end|>\n<|im_start|>assistant\nno<|im_end|>\n",
    );
    expect(labelled(sequence)).toEqual(["hello 世界<|im_end|>", "no<|im_end|>"]);
    expect(truncated).toBe(false);
  });

  test("a template that writes bos and eos: one of them at the start, the answer's space is its own", () => {
    const { sequence } = only(talk("hi", "yes"), { template: jinja(LLAMA2) });
    expect(tokenizer.decode(sequence.tokens)).toBe("<s>[INST] hi [/INST] yes </s>");
    expect(labelled(sequence)).toEqual([" yes </s>"]);
  });

  test("Stanford's prompt", () => {
    const { sequence } = only(talk("hi", "yes"), { template: alpacaTemplate("</s>") });
    expect(labelled(sequence)).toEqual(["yes</s>"]);
  });

  test("an end-of-turn token that isn't marked special", () => {
    const source =
      "{% for m in messages %}{{ m.role + ':' + m.content + '</turn>\n' }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
    expect(labelled(only(talk("a", "b"), { template: jinja(source) }).sequence)).toEqual(["b</turn>"]);
  });

  test("special tokens inside an answer don't end it", () => {
    expect(labelled(only(talk("a", "x<|im_end|>y")).sequence)).toEqual(["x<|im_end|>y<|im_end|>"]);
    const open = jinja(
      "{% for m in messages %}{{ m.role + ':' + m.content + '\n' }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}",
    );
    expect(() => tokenizeExample(talk("a", "x<|im_end|>y"), options({ template: open }))).toThrow(
      /no end-of-turn/,
    );
  });

  test("a generation prompt that goes on otherwise than the answer: the answer begins where it is written", () => {
    const source =
      "{% for m in messages %}{{ m.role + ':' + m.content }}</s>{% endfor %}{% if add_generation_prompt %}assistant:<think>{% endif %}";
    expect(labelled(only(talk("a", "b", "c", "<d"), { template: jinja(source) }).sequence)).toEqual([
      "b</s>",
      "<d</s>",
    ]);
  });

  test("a token that straddles the answer's start is no label", () => {
    const json = trainTokenizer(Array(9).fill("Response:Yes"), { vocabSize: 300, specialTokens: ["</s>"] });
    const glued: Tokenizer = createTokenizer(
      { ...json, pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: false } },
      { eos_token: "</s>" },
    );
    const { ids, offsets } = glued.encode("### Response:Yes");
    expect(offsets.some(([start, end]) => start < 13 && end > 13)).toBe(true);
    expect(ids.length).toBeGreaterThan(0);
    const template: Template = {
      name: "glued",
      render: ({ messages }) => `### Response:${messages[1] ? "Yes</s>" : ""}`,
    };
    const { sequence } = only(talk("a", "Yes"), { tokenizer: glued, template });
    expect(Array.from(sequence.tokens).filter((_, i) => sequence.labelWeights[i])).toEqual([
      glued.idOf("</s>"),
    ]);
  });
});

describe("trainOn", () => {
  const turns = talk("hi", "one", "more?", "two");

  test("the last answer, or everything but the first token", () => {
    expect(labelled(only(turns, { trainOn: "lastAnswer" }).sequence)).toEqual(["two<|im_end|>"]);
    const { tokens, labelWeights } = only(turns, { trainOn: "everything" }).sequence;
    expect([...labelWeights]).toEqual(Array.from(tokens, (_, i) => (i === 0 ? 0 : 1)));
  });

  test("an answer that isn't trained may be empty", () => {
    const empty = talk("hi", "", "more?", "two");
    expect(tokenizeExample(empty, options()).dropped).toMatch(/message 2 is empty/);
    expect(labelled(only(empty, { trainOn: "lastAnswer" }).sequence)).toEqual(["two<|im_end|>"]);
  });

  test("a prompt's completion is its only answer", () => {
    const row: Example = { kind: "completion", prompt: "12", completion: "34", origin };
    expect(labelled(only(row, { trainOn: "lastAnswer" }).sequence)).toEqual(["34</s>"]);
    expect(labelled(only(row, { trainOn: "everything" }).sequence)).toEqual(["234</s>"]);
  });
});

describe("weights", () => {
  const weighted = (...answers: Partial<Message>[]): Example => ({
    kind: "conversation",
    messages: answers.flatMap((answer): Message[] => [
      { role: "user", content: "q" },
      { role: "assistant", content: "12345", ...answer },
    ]),
    origin,
  });
  const weightsOf = (example: Example, template: Template = chatml) => {
    const { tokens, labelWeights } = only(example, { template }).sequence;
    return Array.from(tokens, (token, i) => [tokenizer.decode([token]), labelWeights[i]!] as const).filter(
      ([, weight]) => weight !== 0,
    );
  };

  test("of a message hold for its answer and the token that ends it; 0 trains nothing of it", () => {
    expect(weightsOf(weighted({ weight: 0 }, { weight: 0.5, content: "1" }))).toEqual([
      ["1", 0.5],
      ["<|im_end|>", 0.5],
    ]);
    expect(tokenizeExample(weighted({ weight: 0 }), options()).dropped).toBe("every answer's weight is 0");
  });

  test("of parts hold for the tokens in them, the message's for the rest", () => {
    const spans = [
      { start: 2, end: 4, weight: 0 },
      { start: 5, end: 6, weight: 3 },
    ];
    const expected = [
      ["1", 2],
      ["4", 2],
      ["5", 3],
      ["<|im_end|>", 2],
    ];
    const trimming = jinja(CHATML.replace("message.content", "message.content.strip()"));
    expect(weightsOf(weighted({ content: " 12345 ", weight: 2, spans }), trimming)).toEqual(expected);
  });

  test("a token in several parts takes the largest", () => {
    const spans = [
      { start: 0, end: 1, weight: 0 },
      { start: 1, end: 2, weight: 0.25 },
    ];
    const glued = trainTokenizer(Array(9).fill("ab"), {
      vocabSize: 300,
      specialTokens: ["<|im_start|>", "<|im_end|>"],
    });
    const pairs = createTokenizer(glued, { eos_token: "<|im_end|>" });
    expect(pairs.encode("ab").ids).toHaveLength(1);
    const { labelWeights } = only(weighted({ content: "ab", spans }), { tokenizer: pairs }).sequence;
    expect([...labelWeights].filter(Boolean)).toEqual([0.25, 1]);
  });
});

test("tool calls are the assistant's text; a template that leaves them out is an error", () => {
  const row: Example = {
    kind: "conversation",
    messages: [
      { role: "user", content: "q" },
      { role: "assistant", content: "", toolCalls: [{ name: "look", arguments: { a: 1 } }] },
    ],
    tools: [{ type: "function", function: { name: "look" } }],
    origin,
  };
  const knowing = jinja(
    CHATML.replace(
      "message.content",
      "(message.tool_calls | map(attribute='function') | list | tojson if message.tool_calls else message.content)",
    ),
  );
  expect(labelled(only(row, { template: knowing }).sequence)).toEqual([
    '[{"name": "look", "arguments": {"a": 1}}]<|im_end|>',
  ]);
  expect(() => tokenizeExample(row, options())).toThrow(/leaves out the tool calls of message 2/);
  expect(() => tokenizeExample(row, options({ template: alpacaTemplate("</s>") }))).toThrow(
    /no place for tools/,
  );
});

describe("a template that can't be labelled", () => {
  const failing =
    (source: string, example: Example = talk("a", "b")) =>
    () =>
      tokenizeExample(example, options({ template: jinja(source) }));

  test("writes no end-of-turn token", () => {
    expect(failing("{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}")).toThrow(
      /^a\.json row 3: template chat: the template writes no end-of-turn token after the answer in message 2.*template: alpaca/,
    );
  });

  test("leaves earlier turns out", () => {
    const source =
      "{% for m in messages %}{% if loop.last or m.role == 'user' %}{{ m.content }}{% endif %}</s>{% endfor %}";
    expect(failing(source, talk("a", "b", "c", "d"))).toThrow(
      /row 3: template chat: the answer in message 2.*leaves it out, or changes it/,
    );
    expect(labelled(only(talk("a", "b"), { template: jinja(source) }).sequence)).toEqual(["b</s>"]);
  });

  test("throws", () => {
    expect(failing("{{ raise_exception('no system role') }}")).toThrow(
      /^a\.json row 3: template chat: no system role/,
    );
    expect(failing("{{ raise_exception('x') }}")).toThrow(AttuneError);
  });

  test("leaves the answer out", () => {
    expect(
      failing("{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}</s>{% endif %}{% endfor %}"),
    ).toThrow(/leaves out the answer in message 2/);
  });

  test("begins with bos twice", () => {
    expect(failing(`<s>${LLAMA2}`)).toThrow(/row 3: the text begins with <s> twice/);
    const doubled: Example = { kind: "text", text: "<s><s>a", origin };
    expect(() => tokenizeExample(doubled, options())).toThrow(/twice/);
  });
});

describe("completions", () => {
  const completion = (prompt: string, text: string): Example => ({
    kind: "completion",
    prompt,
    completion: text,
    origin,
  });

  test("one text, labels on the completion and eos", () => {
    const { sequence } = only(completion("1 + 1 =", " 2"));
    expect(tokenizer.decode(sequence.tokens)).toBe("1 + 1 = 2</s>");
    expect(labelled(sequence)).toEqual([" 2</s>"]);
  });

  test("an eos that is there isn't added again", () => {
    expect(tokenizer.decode(only(completion("a", "b</s>")).sequence.tokens)).toBe("ab</s>");
  });

  test("without a prompt the first token is no label: nothing predicts it", () => {
    expect(labelled(only(completion("", "123")).sequence)).toEqual(["23</s>"]);
  });

  test("a tokenizer without eos is an error", () => {
    const mute = createTokenizer(tokenizerJson, { eos_token: "[END]" });
    expect(() => tokenizeExample(completion("a", "b"), options({ tokenizer: mute }))).toThrow(
      /eos_token.*"\[END\]"/,
    );
  });
});

describe("documents", () => {
  const document = (text: string): Example => ({ kind: "text", text, origin });

  test.each(["pretrain", "finetune", "instruct"] as const)(
    "%s: every token but the first, then eos",
    (stage) => {
      const { sequence } = only(document("123"), { stage });
      expect(tokenizer.decode(sequence.tokens)).toBe("123</s>");
      expect([...sequence.labelWeights]).toEqual([0, 1, 1, 1]);
    },
  );

  test.each([2, 3, 4, 5, 9, 10, 11, 12])(
    "a long one is cut into parts of %i that lose nothing",
    (maxLength) => {
      const { sequences, truncated } = tokenizeExample(
        document("1234567890"),
        options({ maxLength, stage: "pretrain" }),
      );
      const labels = sequences.flatMap(({ tokens, labelWeights }) =>
        [...tokens].filter((_, i) => labelWeights[i]),
      );
      expect(tokenizer.decode(labels)).toBe("234567890</s>");
      expect(sequences.every(({ tokens }) => tokens.length >= 2 && tokens.length <= maxLength)).toBe(true);
      expect(truncated).toBe(false);
    },
  );

  test("pretraining on conversations is an error that says what to do", () => {
    expect(() => tokenizeExample(talk("a", "b"), options({ stage: "pretrain" }))).toThrow(
      /^a\.json row 3: stage pretrain learns from raw text, this row is a conversation. Use stage/,
    );
  });
});

describe("maxLength", () => {
  const example = talk("hello", "world world");
  const full = only(example).sequence;
  const firstLabel = full.labelWeights.indexOf(1);

  test("keeps the start, and says that it cut", () => {
    const { sequence, truncated } = only(example, { maxLength: firstLabel + 1 });
    expect(sequence.tokens).toEqual(full.tokens.slice(0, firstLabel + 1));
    expect(sequence.labelWeights).toEqual(full.labelWeights.slice(0, firstLabel + 1));
    expect(truncated).toBe(true);
    expect(only(example, { maxLength: full.tokens.length }).truncated).toBe(false);
  });

  test("an example left without a label is dropped", () => {
    expect(tokenizeExample(example, options({ maxLength: firstLabel }))).toEqual({
      sequences: [],
      truncated: true,
      dropped: `none of its first ${firstLabel} tokens (maxLength) is a label`,
    });
  });

  test.each([1, 2.5, Number.NaN])("%d is an error", (maxLength) => {
    expect(() => tokenizeExample(example, options({ maxLength }))).toThrow(/maxLength/);
  });
});

describe("prepareList", () => {
  const examples = [
    talk("a", "b"),
    talk("a", " \n"),
    talk("hello ".repeat(50), "b"),
    talk("a", "b ".repeat(50)),
    { kind: "text", text: "  ", origin } satisfies Example,
    { kind: "completion", prompt: "a", completion: "", origin } satisfies Example,
  ];

  test("says what became of each example", () => {
    const { sequences, report } = prepareList(examples, options({ maxLength: 40 }));
    expect(sequences.map((one) => one.tokens.length)).toEqual([
      only(examples[0]!).sequence.tokens.length,
      40,
    ]);
    expect(report).toMatchObject({ read: 6, kept: 2, truncated: 2, withoutLabel: 1 });
    expect(report.dropped.map(({ reason }) => reason)).toEqual([
      "the answer in message 2 is empty",
      "none of its first 40 tokens (maxLength) is a label",
      "the text is empty",
      "the completion is empty",
    ]);
    expect(report.tokens).toBe(sequences.reduce((sum, one) => sum + one.tokens.length, 0));
    expect(report.supervisedTokens).toBe(
      sequences.reduce((sum, one) => sum + one.labelWeights.filter((weight) => weight > 0).length, 0),
    );
  });

  test("a template that is broken is an error at once; rows that need none don't ask", () => {
    const sources = { default: "{% for %}", others: [] };
    const template = makeTemplate({ name: "chat", sources, now: new Date() }, tokenizer);
    const text: Example = { kind: "text", text: "abc", origin };
    expect(prepareList([text], options({ template })).report.kept).toBe(1);
    expect(() => prepareList([text, talk("a", "b")], options({ template }))).toThrow(/^template chat: /);
  });

  test("what of an answer isn't trained is counted", () => {
    const rows: Example[] = [
      { kind: "completion", prompt: "", completion: "12", origin },
      { kind: "completion", prompt: "", completion: "1", origin },
    ];
    expect(prepareList(rows, options()).report.lost).toEqual([
      {
        reason: "the first token of an answer isn't trained: nothing comes before it",
        count: 2,
        origins: [origin, origin],
      },
      { reason: "nothing of the answer is trained but its end token", count: 1, origins: [origin] },
    ]);
  });

  test("answers that only an objective would train are counted, and the objective is named", () => {
    const asked: Message[] = [{ role: "user", content: "a" }];
    const [good, bad]: Message[] = [
      { role: "assistant", content: "b" },
      { role: "assistant", content: "c" },
    ];
    const rows: Example[] = [
      { kind: "preference", messages: asked, chosen: good!, rejected: bad!, origin },
      { kind: "feedback", messages: asked, answer: good!, desirable: true, origin },
      { kind: "feedback", messages: asked, answer: bad!, desirable: false, origin },
    ];
    const { lost, dropped, kept } = prepareList(rows, options()).report;
    expect([kept, lost, dropped]).toMatchObject([
      2,
      [
        {
          reason: expect.stringMatching(/only the chosen answer is trained; objective: \{ type: dpo \}/),
          count: 1,
        },
      ],
      [{ reason: expect.stringMatching(/undesirable; objective: \{ type: kto \}/), count: 1 }],
    ]);
    expect(prepareList(rows.slice(0, 1), options({ answers: "pair" })).report.lost).toEqual([]);
  });

  test("nothing left to train on is an error that says why", () => {
    expect(() => prepareList(examples.slice(1, 2), options())).toThrow(
      /none of 1 examples can be trained on\n {2}a\.json row 3: the answer in message 2 is empty/,
    );
    expect(() => prepareList([talk("hello", "b")], options({ maxLength: 4 }))).toThrow(AttuneError);
    expect(() => prepareList([], options())).toThrow(/there are no examples/);
  });
});

const goldens = new URL("../../../goldens/", import.meta.url);

describe.skipIf(!existsSync(new URL("data/tokens-chat-96.json", goldens)))(
  "transformers' tokens and labels",
  () => {
    const text = (path: string) => readFileSync(new URL(path, goldens), "utf8");
    const json = (path: string) => JSON.parse(text(path));

    test.each(["tokens-chat-96", "tokens-chat-48", "tokens-alpaca-256"])("%s", async (name) => {
      const golden = json(`data/${name}.json`);
      const directory = golden.tokenizer.replace(/^goldens\//, "");
      const tokenizer = createTokenizer(
        json(`${directory}/tokenizer.json`),
        json(`${directory}/tokenizer_config.json`),
      );
      const template =
        golden.template === "alpaca"
          ? alpacaTemplate(tokenizer.specialTokens.eos!)
          : chatTemplate(text(`${directory}/chat_template.jinja`), tokenizer.specialTokens);
      const examples = await readFile(new URL(golden.source.replace(/^goldens\//, ""), goldens));
      const prepared = prepareList(examples, {
        tokenizer,
        template,
        maxLength: golden.maxLength,
        stage: "instruct",
      });
      expect(
        prepared.sequences.map(({ origin, tokens, labelWeights }) => ({
          row: origin.row - 1,
          input_ids: [...tokens],
          label_mask: [...labelWeights],
        })),
      ).toEqual(golden.examples);
      expect(prepared.report.truncated).toBe(golden.cut.length);
      expect(prepared.report.dropped.flatMap(({ origins }) => origins.map(({ row }) => row - 1))).toEqual(
        golden.dropped,
      );
    });
  },
);

const shared = new URL("../../../../shared/data/", import.meta.url);

describe.skipIf(!existsSync(shared))("the field's own files", () => {
  let sets: [string, Example[]][];
  beforeAll(async () => {
    sets = [];
    for (const name of ["alpaca_en_demo.json", "alpaca_zh_demo.json"])
      sets.push([name, await readFile(new URL(name, shared))]);
  });

  test("no row is lost in silence, labels decode to the answers", () => {
    for (const [, examples] of sets)
      for (const template of [chatml, alpacaTemplate("</s>")]) {
        const { sequences, report } = prepareList(examples, options({ template, maxLength: 100_000 }));
        expect(report).toMatchObject({
          read: examples.length,
          kept: examples.length,
          truncated: 0,
          dropped: [],
        });
        const end = template === chatml ? "<|im_end|>" : "</s>";
        sequences.forEach((sequence, i) => {
          const example = examples[i]!;
          const answer = example.kind === "conversation" ? example.messages.at(-1)!.content : "";
          expect(labelled(sequence)).toEqual([answer + end]);
        });
      }
  });

  test("what maxLength cuts is counted", () => {
    for (const [, examples] of sets) {
      const { report } = prepareList(examples, options({ maxLength: 200 }));
      const dropped = report.dropped.reduce((sum, { count }) => sum + count, 0);
      expect(report.kept + dropped).toBe(examples.length);
      expect(report.withoutLabel).toBe(dropped);
      expect(report.truncated).toBeGreaterThan(0);
    }
  });
});
