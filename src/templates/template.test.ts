import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { createTokenizer } from "../tokenizers/tokenizer.ts";
import { trainTokenizer } from "../tokenizers/train.ts";
import type { Message } from "./message.ts";
import { namedTemplate } from "./named_templates.ts";
import { alpacaTemplate, chatTemplate, makeTemplate } from "./template.ts";
import { templateSources } from "./template_sources.ts";

const user = (content: string, input?: string): Message => ({
  role: "user",
  content,
  ...(input && { input }),
});
const assistant = (content: string): Message => ({ role: "assistant", content });
const whole = { addGenerationPrompt: false };
const prompt = { addGenerationPrompt: true };

describe("alpacaTemplate", () => {
  const template = alpacaTemplate("</s>");

  test("Stanford's prompt without input", () => {
    expect(template.render({ messages: [user("Say hi."), assistant("Hi")] }, whole)).toBe(
      "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nSay hi.\n\n### Response:Hi</s>",
    );
  });

  test("Stanford's prompt with input, up to the answer", () => {
    expect(template.render({ messages: [user("Add.\n\nNow.\n\n1 2", "1 2")] }, prompt)).toBe(
      "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\nNow.\n\n### Input:\n1 2\n\n### Response:",
    );
  });

  test("a system message opens, turns follow each other", () => {
    const messages: Message[] = [
      { role: "system", content: "Be kind." },
      user("a"),
      assistant("b"),
      user("c"),
    ];
    expect(template.render({ messages }, prompt)).toBe(
      "Be kind.\n\n### Instruction:\na\n\n### Response:b</s>\n\n### Instruction:\nc\n\n### Response:",
    );
  });

  test("no eos, or a role without a place, is an error", () => {
    expect(() => alpacaTemplate("")).toThrow(AttuneError);
    expect(() => template.render({ messages: [user("a"), { role: "tool", content: "b" }] }, whole)).toThrow(
      /a tool message/,
    );
  });
});

describe("chatTemplate", () => {
  const render = (source: string, messages: Message[] = [user("hi")], options = whole) =>
    chatTemplate(source, { bos: "<s>", eos: "</s>" }, { now: new Date(2024, 6, 6, 15, 4, 5) }).render(
      { messages },
      options,
    );

  test("has messages, add_generation_prompt and the special tokens", () => {
    const source =
      "{{ bos_token }}{% for m in messages %}[{{ m.role }}|{{ m['content'] | trim }}]{% endfor %}{% if add_generation_prompt %}>{% endif %}{{ pad_token }}";
    expect(render(source, [user(" a "), assistant("b")], prompt)).toBe("<s>[user|a][assistant|b]>");
  });

  test("has no tools, and says what the model sees of a message and no more", () => {
    const source =
      "{% if tools is none and documents is none %}none{% endif %}{{ messages[0].input is defined }}";
    expect(render(source, [user("a\n\nb", "b")])).toBe("noneFalse");
  });

  test("trims blocks and strips indentation, as transformers does", () => {
    expect(render("{% if true %}\n  {% set x = 1 %}\n{{ x }}\n{% endif %}\n")).toBe("1\n");
  });

  test("today's date is the one given", () => {
    expect(render("{{ strftime_now('%d %b %Y|%A %B %-x %H:%M:%S %I%p %%') }}")).toBe(
      "06 Jul 2024|Saturday July 07/06/24 15:04:05 03PM %",
    );
  });

  test.each([
    ["raises", "{{ raise_exception('roles must alternate') }}", /^template chat: roles must alternate/],
    ["fails", "{{ messages[3].content.foo() }}", /^template chat: /],
    ["asks for a huge range", "{% for i in range(1000000000) %}{% endfor %}", /range too big/],
    ["is none", "{% for %}", /^template chat: /],
    ["isn't closed", "{% if true %}", /^template chat: /],
  ])("a template that %s is an error that names it", (_, source, message) => {
    expect(() => render(source)).toThrow(AttuneError);
    expect(() => render(source)).toThrow(message);
  });

  test("range counts as Python's", () => {
    expect(
      render(
        "{{ range(3) | join }} {{ range(1, 4) | join }} {{ range(5, 0, -2) | join }} {{ range(0) | join }}",
      ),
    ).toBe("012 123 531 ");
  });
});

describe("namedTemplate", () => {
  const tokenizer = createTokenizer(
    trainTokenizer(["a"], { vocabSize: 270, specialTokens: ["<s>", "</s>", "<|im_end|>"] }),
    { bos_token: "<s>", eos_token: "</s>" },
  );

  test("writes turns as the family does", () => {
    const messages: Message[] = [{ role: "system", content: "S" }, user("a"), assistant(" b "), user("c")];
    const render = (name: string) => namedTemplate(name, tokenizer)?.render({ messages }, prompt);
    expect(render("chatml")).toBe(
      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n b <|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(render("llama2")).toBe("<s>[INST] <<SYS>>\nS\n<</SYS>>\n\na [/INST] b </s><s>[INST] c [/INST]");
    expect(render("vicuna")).toBe("<s>S USER: a ASSISTANT:  b </s> USER: c ASSISTANT:");
    expect(render("nothing")).toBeUndefined();
    expect(render("constructor")).toBeUndefined();
  });

  test("is refused where the tokenizer lacks what ends a turn", () => {
    expect(() => namedTemplate("gemma", tokenizer)).toThrow(
      /template gemma: .*<end_of_turn>.*never learn to stop/,
    );
    const mute = createTokenizer(trainTokenizer(["a"], { vocabSize: 260, specialTokens: ["<x>"] }), null);
    expect(() => namedTemplate("zephyr", mute)).toThrow(/template zephyr: .*the eos token/);
    expect(() => namedTemplate("alpaca", mute)).toThrow(/eos/);
  });

  test("says that turns must alternate, and knows no tools", () => {
    const mistral = namedTemplate("mistral", tokenizer)!;
    expect(() => mistral.render({ messages: [user("a"), user("b")] }, whole)).toThrow(/take turns/);
  });
});

describe("makeTemplate", () => {
  const json = trainTokenizer(["a"], { vocabSize: 270, specialTokens: ["<s>", "</s>", "<img>"] });
  const tokenizer = createTokenizer(json, {
    bos_token: "<s>",
    eos_token: "</s>",
    extra_special_tokens: { image_token: "<img>" },
  });
  const open = (...templates: [string, string][]) =>
    makeTemplate({ name: "chat", sources: templateSources(templates), now: new Date() }, tokenizer);
  const messages = [user("a")];
  const tools = [{ type: "function" }];

  test("takes tool_use where there are tools, and no other by accident", () => {
    const template = open(["rag", "R"], ["default", "D"], ["tool_use", "T"]);
    expect(template.render({ messages }, whole)).toBe("D");
    expect(template.render({ messages, tools: [] }, whole)).toBe("D");
    expect(template.render({ messages, tools }, whole)).toBe("T");
    expect(open(["default", "D"], ["rag", "R"]).render({ messages, tools }, whole)).toBe("D");
    expect(open(["tool_use", "T"], ["rag", "R"]).render({ messages, tools }, whole)).toBe("T");
    const none = () => open(["tool_use", "T"], ["rag", "R"]).render({ messages }, whole);
    expect(none).toThrow(AttuneError);
    expect(none).toThrow(/^template chat: of the model's chat templates \(tool_use, rag\) none is called/);
  });

  test("the tokenizer's tokens are variables by their names; those of a conversation win", () => {
    const template = open(["default", "{{ bos_token }}{{ image_token }}{{ eos_token }}"]);
    expect(template.render({ messages }, whole)).toBe("<s><img></s>");
    expect(template.render({ messages, variables: { bos_token: "B" } }, whole)).toBe("B<img></s>");
    const mute = createTokenizer(json, {}, [1]); // eos of config.json: transformers tells templates nothing of it
    const plan = {
      name: "chat",
      sources: templateSources([["default", "<{{ eos_token }}>"]]),
      now: new Date(),
    };
    expect(makeTemplate(plan, mute).render({ messages }, whole)).toBe("<>");
  });

  test("fails when it is needed, and not before", () => {
    const broken = open(["default", "{% for %}"], ["tool_use", "T"]);
    expect(broken.render({ messages, tools }, whole)).toBe("T");
    expect(() => broken.choose?.([])).toThrow(/^template chat: /);
    const mute = createTokenizer(json, {});
    const alpaca = makeTemplate({ name: "alpaca", now: new Date() }, mute);
    expect(alpaca.addsBos).toBe(true);
    expect(() => alpaca.render({ messages }, whole)).toThrow(/names no eos token/);
  });
});

test("variables of the template's own are there, and win over special tokens as in transformers", () => {
  const template = chatTemplate("{{ bos_token }}{{ enable_thinking }}{{ messages|length }}", { bos: "<s>" });
  const variables = { enable_thinking: false, bos_token: "B", messages: 1 };
  expect(template.render({ messages: [user("a")], variables }, whole)).toBe("BFalse1");
});
