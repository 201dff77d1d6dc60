import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { openBase } from "../../pretrained/base.ts";
import { chatTemplate } from "../../templates/chat_template.ts";
import { JINJA_TEMPLATES } from "../../templates/named_templates.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { openGguf } from "../testing/gguf_file.ts";
import { exportOllama } from "./export_ollama.ts";
import { matchTemplate } from "./match_template.ts";
import { modelfileText } from "./modelfile.ts";

const at = temporaryDirectory();
const model = goldenPath("models/llama-gqa");
const adapter = goldenPath("training/llama-gqa-lora-all/final");
const { tokenizer } = await openBase(model);
const read = (...parts: string[]) => readFileSync(at(...parts), "utf8");

describe("the directory", () => {
  test("a Modelfile beside the merged model", async () => {
    const report = await exportOllama({
      model,
      adapter,
      output: at("mine"),
      type: "f16",
      system: "Be brief.",
    });
    expect(readdirSync(at("mine")).sort()).toEqual(["Modelfile", "model.gguf"]);
    expect(read("mine", "Modelfile")).toBe(`FROM ./model.gguf
TEMPLATE """{{ $open := true }}{{ range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ $open = ne .Role "assistant" }}{{ end }}{{ if $open }}<|im_start|>assistant
{{ end }}"""
SYSTEM "Be brief."
PARAMETER stop "<|im_end|>"
`);
    expect(report).toEqual({ template: "chatml", stop: ["<|im_end|>"] });
  });

  test("the adapter apart, over the base", async () => {
    await exportOllama({ model, adapter, output: at("apart"), type: "f16", merge: false });
    expect(read("apart", "Modelfile")).toMatch(/^FROM \.\/model\.gguf\nADAPTER \.\/adapter\.gguf\n/);
    await exportOllama({ model, output: at("base"), type: "f16" });
    expect(readFileSync(at("apart", "model.gguf")).equals(readFileSync(at("base", "model.gguf")))).toBe(true);
    const { metadata } = await openGguf(at("apart", "adapter.gguf"));
    expect(metadata.get("general.type")?.value).toBe("adapter");
  });

  test("an unknown template is left to Ollama, and none continues text", async () => {
    writeFileSync(at("odd.jinja"), "{% for m in messages %}[{{ m.role }}] {{ m.content }} {% endfor %}");
    const report = await exportOllama({ model, output: at("odd"), type: "f16", template: at("odd.jinja") });
    expect(report.template).toBeUndefined();
    expect(read("odd", "Modelfile")).not.toContain("TEMPLATE");
    await exportOllama({ model, output: at("none"), type: "f16", template: "none" });
    expect(read("none", "Modelfile")).toContain('TEMPLATE "{{ .Prompt }}"');
  });

  test("what stands in the way is named, and nothing is written", async () => {
    mkdirSync(at("taken", "x"), { recursive: true });
    const fail = (options: object) =>
      exportOllama({ model, output: at("out"), type: "f16", ...options }).catch(
        (error: Error) => error.message,
      );
    expect(await fail({ output: at("taken") })).toMatch(/taken: .*already exists and is not empty/);
    expect(await fail({ system: 'say """' })).toMatch(/SYSTEM: a Modelfile ends a text at """/);
    expect(await fail({ template: "none", system: "S" })).toMatch(/--system: text that is continued/);
    expect(await fail({ adapter: goldenPath("adapters/llama-dora/final"), merge: false })).toMatch(
      /it is DoRA/,
    );
    expect(await fail({ type: "q8_0" })).toMatch(/blocks of 32/);
    expect(existsSync(at("out"))).toBe(false);
    expect(readdirSync(at())).toEqual(["taken"]);
  });
});

describe("templates are told by what they write", () => {
  const tokens = { bos: "<|endoftext|>", eos: "<|im_end|>" };
  const match = (source: string) => matchTemplate(chatTemplate(source, tokens), tokenizer);
  const chatml = JINJA_TEMPLATES.chatml!.source;

  test("a built-in one, however it is spelled", () => {
    expect(match(chatml)).toEqual({ name: "chatml" });
    const spelled = chatml.replace(
      "'<|im_start|>' + turn.role + '\n'",
      "'<|im_start|>' ~ turn['role'] ~ '\\n'",
    );
    expect(match(spelled)).toEqual({ name: "chatml" });
  });

  test("one with a system message of its own where there is none", () => {
    const qwen = `{% if messages[0].role != 'system' %}{{ '<|im_start|>system\nYou are a "bay".<|im_end|>\n' }}{% endif %}${chatml}`;
    expect(match(qwen)).toEqual({ name: "chatml", system: 'You are a "bay".' });
  });

  test("one that refuses system messages", () => {
    const strict = `{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}${chatml}`;
    expect(match(strict)).toEqual({ name: "chatml" });
  });

  test.each([
    ["another end", chatml.replace("<|im_end|>\n", "<|im_end|>")],
    ["another prompt", chatml.replace("assistant\n", "assistant\n<think>\n")],
    ["a count of turns", `{{ messages | length }}${chatml}`],
    ["a date", `{{ strftime_now('%Y') }}${chatml}`],
    ["an own way with later answers", chatml.replace("turn.content", "(turn.content if loop.last else '…')")],
    ["one that writes nothing at all", "{{ raise_exception('no') }}"],
  ])("not one with %s", (_, source) => {
    expect(match(source)).toBeUndefined();
  });
});

test("a Modelfile quotes what needs it", () => {
  const text = modelfileText({ from: "m.gguf", system: 'a "b" c', stop: ["\n", "</s>"] });
  expect(text).toBe('FROM ./m.gguf\nSYSTEM """a "b" c"""\nPARAMETER stop """\n"""\nPARAMETER stop "</s>"\n');
});
