import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Message } from "../../templates/message.ts";
import { makeTemplate } from "../../templates/template.ts";
import { templateSources } from "../../templates/template_sources.ts";
import { createTokenizer, type Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { Conversation, PromptCompletion } from "../example.ts";
import { BEGINS_BEFORE, NOTHING_BEFORE, ONLY_END } from "./label_tokens.ts";
import { type TokenizeOptions, tokenizeExample } from "./tokenize_example.ts";

interface Golden {
  templates: string[];
  groups: {
    model: string;
    changes: object;
    eos: string;
    rows: { template: number; messages: [Message["role"], string][]; ids: number[]; labels: number[] }[];
  }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("goldens/masks.json", import.meta.url), "utf8"));
const models = new URL("../../../test/cases/models/", import.meta.url);
const readJson = (path: string) => JSON.parse(readFileSync(new URL(path, models), "utf8"));
const origin = { file: "a", row: 1 };

const openTokenizer = (model: string, changes: object = {}, config: object = {}): Tokenizer =>
  createTokenizer(
    { ...readJson(`${model}/tokenizer.json`), ...changes },
    { ...readJson(`${model}/tokenizer_config.json`), ...config },
  );
const openTemplate = (source: string, tokenizer: Tokenizer) =>
  makeTemplate({ name: "chat", sources: templateSources([["default", source]]), now: new Date() }, tokenizer);

function labelled(
  example: Conversation | PromptCompletion,
  options: Omit<TokenizeOptions, "maxLength" | "stage">,
) {
  const { sequences, lost } = tokenizeExample(example, { ...options, maxLength: 1000, stage: "instruct" });
  const { tokens, labelWeights } = sequences[0]!;
  const places = [...tokens.keys()].filter((i) => labelWeights[i] !== 0);
  const words = places.map((i) => [options.tokenizer.decode([tokens[i]!]), labelWeights[i]] as const);
  return { ids: [...tokens], places, words, lost };
}
const conversation = (...messages: Partial<Message>[]): Conversation => ({
  kind: "conversation",
  messages: messages.map((message, i) => ({
    role: i % 2 === 0 ? "user" : "assistant",
    content: "",
    ...message,
  })),
  origin,
});
const completion = (prompt: string, text: string): PromptCompletion => ({
  kind: "completion",
  prompt,
  completion: text,
  origin,
});
const MARKS = /\{% (end)?generation %\}/g;

describe.each(golden.groups.map((group, i) => [i, group] as const))(
  "tokenizer %i",
  (_, { model, changes, eos, rows }) => {
    const tokenizer = openTokenizer(model, changes, { eos_token: eos });

    test("labels are transformers' assistant mask", () => {
      for (const { template, messages, ids, labels } of rows) {
        const source = golden.templates[template]!;
        const example = conversation(...messages.map(([role, content]) => ({ role, content })));
        const found = labelled(example, { tokenizer, template: openTemplate(source, tokenizer) });
        expect([found.ids, found.places], JSON.stringify(messages)).toEqual([ids, labels]);
      }
    });

    test("without marks they are the same, but for tokens that begin in the word before", () => {
      for (const { template, messages, ids, labels } of rows) {
        const source = golden.templates[template]!.replace(MARKS, "");
        const example = conversation(...messages.map(([role, content]) => ({ role, content })));
        const found = labelled(example, { tokenizer, template: openTemplate(source, tokenizer) });
        expect(found.ids).toEqual(ids);
        if (!found.lost?.includes(BEGINS_BEFORE))
          expect(found.places, JSON.stringify(messages)).toEqual(labels);
      }
    });
  },
);

describe("a token that begins before the answer", () => {
  const tokenizer = openTokenizer("chatml");
  const template = openTemplate(
    "{% for m in messages %}{{ m.role + ': ' + m.content + '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}",
    tokenizer,
  );

  test("takes the answer's weight, or that of the parts it reaches into", () => {
    const words = (message: Partial<Message>) =>
      labelled(conversation({ content: "q" }, message), { tokenizer, template }).words;
    expect(words({ content: "the sea", weight: 0.5 })[0]).toEqual([" the", 0.5]);
    const part = { start: 0, end: 3, weight: 0.25 };
    expect(words({ content: "the sea", spans: [part] })[0]).toEqual([" the", 0.25]);
    expect(words({ content: "the sea", spans: [{ ...part, weight: 0 }] })[0]).toEqual([" s", 1]);
    expect(words({ content: "the sea", spans: [{ ...part, end: 1, weight: 0 }] })[0]).toEqual([" the", 1]);
  });

  test("is a label of the last answer alone, where only that is trained", () => {
    const example = conversation({ content: "q" }, { content: "the" }, { content: "q" }, { content: "for" });
    const { words } = labelled(example, { tokenizer, template, trainOn: "lastAnswer" });
    expect(words.map(([word]) => word)).toEqual([" for", "<|im_end|>"]);
  });

  test("in a word isn't a label of the answer, which is counted", () => {
    const { words, lost } = labelled(completion("Word: t", "he"), { tokenizer, template });
    expect(words).toEqual([["<|im_end|>", 1]]);
    expect(lost).toEqual([BEGINS_BEFORE, ONLY_END]);
    expect(labelled(completion("Word: t", "he sea"), { tokenizer, template }).lost).toEqual([BEGINS_BEFORE]);
  });

  test("at the very start nothing predicts it, which is counted unless it is all text", () => {
    const options = { tokenizer, template };
    expect(labelled(completion("", "the sea"), options).lost).toEqual([NOTHING_BEFORE]);
    expect(labelled(completion(" ", "the"), options).lost).toEqual([NOTHING_BEFORE, ONLY_END]);
    expect(labelled(completion("", "the"), { ...options, trainOn: "everything" }).lost).toBeUndefined();
    const bos = openTokenizer("bos");
    const { words, lost } = labelled(completion("", "the"), { tokenizer: bos, template });
    expect([words.map(([word]) => word), lost]).toEqual([["t", "he", "<|eot_id|>"], undefined]);
  });
});

describe("generation marks that leave the end of the turn out", () => {
  const tokenizer = openTokenizer("chatml");
  const source =
    "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{{ '!\n' }}{% endfor %}";

  test("are taken at their word, to the end of their last token", () => {
    const { words } = labelled(conversation({ content: "q" }, { content: "the sea" }), {
      tokenizer,
      template: openTemplate(source, tokenizer),
    });
    expect(words.map(([word]) => word)).toEqual([" the", " s", "e", "a"]);
  });

  test("a template without marks must end the turn", () => {
    const template = openTemplate(source.replace(MARKS, ""), tokenizer);
    const label = () => labelled(conversation({ content: "q" }, { content: "the" }), { tokenizer, template });
    expect(label).toThrow(/no end-of-turn token/);
  });
});
