import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { tokenizeExample } from "../data/tokenize/tokenize_example.ts";
import { AttuneError } from "../text/errors.ts";
import { createTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import { chatTemplate } from "./chat_template.ts";
import type { Message, Tool, ToolCall } from "./message.ts";
import { JINJA_TEMPLATES } from "./named_templates.ts";
import type { Template } from "./template.ts";
import { withVariables } from "./template_variables.ts";

interface GoldenMessage {
  role: Message["role"];
  content: string;
  reasoning_content?: string;
  tool_calls?: { id: string; function: { name: string; arguments: ToolCall["arguments"] } }[];
  name?: string;
  tool_call_id?: string;
}
interface Golden {
  now: string;
  conversations: Record<string, { messages: GoldenMessage[]; tools?: Tool[] }>;
  templates: Record<
    string,
    {
      special: Record<string, string>;
      added: Record<string, number>;
      rendered: Record<string, { text: string; ids: string; raises?: undefined } | { raises: string }>;
    }
  >;
}

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
const golden: Golden = JSON.parse(read("goldens/chat_templates.json"));
const tokenizerJson = JSON.parse(read("../../goldens/models/llama-gqa/tokenizer.json"));

const messageOf = ({ role, content, ...more }: GoldenMessage): Message => ({
  role,
  content,
  ...(more.reasoning_content && { reasoning: more.reasoning_content }),
  ...(more.tool_calls && {
    toolCalls: more.tool_calls.map(({ id, function: called }) => ({ id, ...called })),
  }),
  ...(more.name && { name: more.name }),
  ...(more.tool_call_id && { toolCallId: more.tool_call_id }),
});

function open(name: string): { tokenizer: Tokenizer; template: Template } {
  const { added, special } = golden.templates[name]!;
  const tokens = Object.entries(added).map(([content, id]) => ({ content, id, special: true }));
  const known = tokenizerJson.added_tokens.filter(({ content }: { content: string }) => !(content in added));
  const tokenizer = createTokenizer({ ...tokenizerJson, added_tokens: [...known, ...tokens] }, special);
  const template = chatTemplate(read(`goldens/${name}.jinja`), {}, { now: new Date(golden.now) });
  return { tokenizer, template: withVariables(template, special) };
}

const conversationOf = (name: string) => {
  const { messages, tools } = golden.conversations[name]!;
  return { messages: messages.map(messageOf), tools };
};
const digest = (ids: number[]) => createHash("sha256").update(JSON.stringify(ids)).digest("hex").slice(0, 16);
const names = Object.keys(golden.templates);

test("there are templates enough, and the built-in ones are among them", () => {
  expect(names.length).toBeGreaterThanOrEqual(60);
  for (const [name, { source }] of Object.entries(JINJA_TEMPLATES))
    expect(read(`goldens/named-${name}.jinja`)).toBe(source);
});

describe.each(names)("%s", (name) => {
  const { tokenizer, template } = open(name);
  const cases = Object.entries(golden.templates[name]!.rendered);

  test("writes what transformers writes, and fails where it fails", () => {
    for (const [key, expected] of cases) {
      const conversation = conversationOf(key);
      const addGenerationPrompt = conversation.messages.at(-1)!.role !== "assistant";
      const render = () => template.render(conversation, { addGenerationPrompt });
      if (expected.raises !== undefined) expect(render, key).toThrow(AttuneError);
      else {
        expect(render(), key).toBe(expected.text);
        expect(digest(tokenizer.encode(expected.text).ids), key).toBe(expected.ids);
      }
    }
  });
});

/** The labelled runs of tokens, as text. */
function labelled(name: string, key: string): string[] | string {
  const { tokenizer, template } = open(name);
  const origin = { file: "a", row: 1 };
  try {
    const { sequences } = tokenizeExample(
      { kind: "conversation", ...conversationOf(key), origin },
      { tokenizer, template, maxLength: 100_000, stage: "instruct" },
    );
    const { tokens, labelWeights } = sequences[0]!;
    const runs: number[][] = [];
    tokens.forEach((token, i) => {
      if (!labelWeights[i]) return;
      if (labelWeights[i - 1]) runs.at(-1)!.push(token);
      else runs.push([token]);
    });
    return runs.map((run) => tokenizer.decode(run));
  } catch (error) {
    return (error as Error).message;
  }
}

const labels: Record<string, Record<string, string[] | string>> = JSON.parse(read("goldens/labels.json"));

/** The template writes no thinking that the next turn makes stale; what it writes is what labels.json was checked for. */
const spoken = (content: string) => content.replace(/^[\s\S]*<\/think>/, "").trim();

const escapeRegExp = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

test.each(names)(
  "%s: the labels are the answers and their end-of-turn tokens, as they were checked by eye",
  (name) => {
    for (const [key, expected] of Object.entries(labels[name]!)) {
      const found = labelled(name, key);
      expect(found, key).toEqual(expected);
      if (typeof found === "string") continue;
      const answers = conversationOf(key).messages.filter(({ role }) => role === "assistant");
      expect(found, key).toHaveLength(answers.length);
      answers.forEach(({ content, toolCalls }, i) => {
        if (toolCalls) expect(found[i], key).toContain(toolCalls[0]!.name);
        else
          expect(found[i]!, key).toMatch(
            new RegExp(`${escapeRegExp(spoken(content))}\\s*(<[^<>]+>|\\[\\|\\w+\\|\\])+$`),
          );
      });
    }
  },
);

test("of a template that ends no answer, the token that begins the next turn is labelled, as in TRL's version of it", () => {
  expect(labels.glm4moe).toEqual(labels.glm4moe_training);
  expect(labels.glm4_6).toEqual(labels.glm4moe_training);
});

test("labels.json leaves no template and no conversation out", () => {
  for (const name of names)
    for (const [key, rendered] of Object.entries(golden.templates[name]!.rendered))
      if (rendered.raises === undefined && conversationOf(key).messages.at(-1)!.role === "assistant")
        expect(labels[name], name).toHaveProperty([key]);
});
