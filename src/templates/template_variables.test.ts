import { describe, expect, test } from "vitest";
import { chatTemplate } from "./chat_template.ts";
import { renderConversation } from "./label_conversation.ts";
import { checkVariables, namesVariable, withVariables } from "./template_variables.ts";

const source =
  "{% for m in messages %}<{{ m.role }}{{ ':' + mood if mood is defined else '' }}>{{ m.content }}{{ m.tool_plan or '' }}</s>{% endfor %}{% if add_generation_prompt %}<assistant{{ ':' + mood if mood is defined else '' }}>{% endif %}";
const template = chatTemplate(source, { eos: "</s>" });
const messages = [
  { role: "user", content: "u" },
  { role: "assistant", content: "a" },
] as const;

describe("variables", () => {
  test("reach every rendering: the answer's place is told with them", () => {
    const { text, answers } = renderConversation({ messages, variables: { mood: "dry" } }, template);
    expect(text).toBe("<user:dry>u</s><assistant:dry>a</s>");
    expect(text.slice(answers[0]!.start, answers[0]!.end)).toBe("a</s>");
  });

  test("of the conversation win over those of all", () => {
    const set = withVariables(template, { mood: "dry" });
    const render = (variables?: object) =>
      set.render({ messages: messages.slice(0, 1), variables } as never, { addGenerationPrompt: false });
    expect([render(), render({ mood: "warm" })]).toEqual(["<user:dry>u</s>", "<user:warm>u</s>"]);
  });

  test("of a message are as its row has them", () => {
    const others = { tool_plan: "look", role: "no" };
    const said = template.render({ messages: [{ ...messages[1], others }] }, { addGenerationPrompt: false });
    expect(said).toBe("<assistant>alook</s>");
  });

  test("documents may be given", () => {
    const documents = chatTemplate("{{ documents | length if documents else 'none' }}", {});
    const render = (variables?: object) =>
      documents.render({ messages, variables } as never, { addGenerationPrompt: false });
    expect([render(), render({ documents: ["a", "b"] })]).toEqual(["none", "2"]);
  });

  test.each([
    {},
    undefined,
    { mood: "dry" },
    { other: null },
    { other: false },
    { other: "" },
    { other: [] },
    { other: {} },
  ])("%j are no surprise", (variables) =>
    expect(() => checkVariables(template, variables, "k")).not.toThrow(),
  );

  test.each([{ other: "x" }, { other: true }, { moo: 1 }, { moody: 1 }, { "": 1 }, { "m.role": 1 }])(
    "%j would be ignored",
    (variables) =>
      expect(() => checkVariables(template, variables, "k")).toThrow(/has no variable .*which k sets/),
  );
});

test.each<[string, string, boolean]>([
  ["{{ enable_thinking }}", "enable_thinking", true],
  ["{{ not_enable_thinking }}", "enable_thinking", false],
  ["{{ a_b }}{{ b }}", "b", true],
  ["", "b", false],
  ["bb", "b", false],
])("%j names %s: %s", (source, name, is) => expect(namesVariable(source, name)).toBe(is));
