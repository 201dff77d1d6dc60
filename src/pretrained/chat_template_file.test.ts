import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { diskFolder } from "../files/disk_folder.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import type { TemplateSources } from "../templates/template_sources.ts";
import { AttuneError } from "../text/errors.ts";
import { chatTemplateField, readChatTemplates } from "./chat_template_file.ts";

const named = (name: string) => ({ name, template: `{{ ${name} }}` });

describe("chat_template of tokenizer_config.json", () => {
  test.each<[unknown, TemplateSources | undefined]>([
    [undefined, undefined],
    [null, undefined],
    ["{{ x }}", { default: "{{ x }}", others: [] }],
    [
      [named("tool_use"), named("default")],
      { default: "{{ default }}", tool_use: "{{ tool_use }}", others: [] },
    ],
    [
      { default: "x", rag: "y" },
      { default: "x", others: ["rag"] },
    ],
    [[named("rag")], { others: ["rag"] }],
    [[], { others: [] }],
  ])("%j", (field, expected) => {
    expect(chatTemplateField(field, "x")).toEqual(expected);
  });

  test.each<[unknown]>([[1], [{ default: 1 }], [["x"]], [[{ name: "default" }]], [[null]]])(
    "%j is refused",
    (field) => {
      expect(() => chatTemplateField(field, "dir/file")).toThrow(AttuneError);
      expect(() => chatTemplateField(field, "dir/file")).toThrow(
        /^dir\/file: chat_template: expected text, or/,
      );
    },
  );
});

describe("files", () => {
  const at = temporaryDirectory();
  const read = (config = {}) => readChatTemplates(diskFolder(at()), config);

  test("chat_template.jinja wins over tokenizer_config.json", async () => {
    expect(await read()).toBeUndefined();
    expect(await read({ chat_template: "old" })).toEqual({ default: "old", others: [] });
    writeFileSync(at("chat_template.jinja"), "new");
    expect(await read({ chat_template: [named("tool_use")] })).toEqual({ default: "new", others: [] });
  });

  test("those of additional_chat_templates stand beside it, and replace tokenizer_config.json's", async () => {
    mkdirSync(at("additional_chat_templates"));
    writeFileSync(at("additional_chat_templates/tool_use.jinja"), "tools");
    writeFileSync(at("additional_chat_templates/rag.jinja"), "rag");
    writeFileSync(at("additional_chat_templates/notes.txt"), "");
    expect(await read({ chat_template: "old" })).toEqual({ tool_use: "tools", others: ["rag"] });
    writeFileSync(at("chat_template.jinja"), "new");
    expect(await read()).toEqual({ default: "new", tool_use: "tools", others: ["rag"] });
  });
});
