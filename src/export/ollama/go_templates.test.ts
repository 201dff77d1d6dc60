import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { namedTemplate } from "../../templates/named_templates.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { emittedTemplates, TEMPLATE_CONVERSATIONS, TOKENS } from "../testing/template_cases.ts";

const read = (name: string) => JSON.parse(readFileSync(goldenPath(`ollama/${name}.json`), "utf8"));
const cases = read("cases");
const { rendered } = read("rendered") as { rendered: Record<string, string[]> };
const tokenizer = { specialTokens: TOKENS, idOf: () => 1, isAdded: () => true };

test("what Go rendered is what is emitted: node --import tsx goldens/ollama/make.ts", () => {
  expect(cases).toEqual({ templates: emittedTemplates(), conversations: TEMPLATE_CONVERSATIONS });
});

describe.each(Object.keys(rendered).sort())("%s", (key) => {
  test.each(TEMPLATE_CONVERSATIONS.map((messages, i) => [i, messages] as const))(
    "conversation %i",
    (i, messages) => {
      const template = namedTemplate(key.replace(" with bos", ""), tokenizer)!;
      const addGenerationPrompt = messages.at(-1)!.role !== "assistant";
      const text = template.render({ messages }, { addGenerationPrompt });
      const written = key.endsWith("with bos") ? text : text.replace(/^<s>/, "");
      expect(rendered[key]![i]).toBe(written);
    },
  );
});
