import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { chooseChatTemplate } from "./chat_template_file.ts";

const named = (name: string) => ({ name, template: `{{ ${name} }}` });

describe("chooseChatTemplate", () => {
  test.each<[unknown, string | undefined]>([
    [undefined, undefined],
    [null, undefined],
    ["{{ x }}", "{{ x }}"],
    [[named("tool_use"), named("default")], "{{ default }}"],
    [[named("rag")], "{{ rag }}"],
  ])("%j", (field, expected) => {
    expect(chooseChatTemplate(field, "x")).toBe(expected);
  });

  test.each<[unknown, RegExp]>([
    [1, /dir\/file: chat_template must be text, or a list/],
    [{ default: "x" }, /must be text/],
    [["x"], /must be text/],
    [[{ name: "default" }], /must be text/],
    [[null], /must be text/],
    [[named("rag"), named("tool_use")], /of the chat templates "rag", "tool_use" none is called "default"/],
    [[], /\(none\)/],
  ])("%j is refused", (field, message) => {
    expect(() => chooseChatTemplate(field, "dir/file")).toThrow(AttuneError);
    expect(() => chooseChatTemplate(field, "dir/file")).toThrow(message);
  });
});
