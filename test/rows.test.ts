import { describe, expect, test } from "vitest";
import { openBase, openTemplate } from "../src/pretrained/base.ts";
import { prepareData } from "../src/run/prepare_data.ts";
import templates from "./cases/l6/templates.json" with { type: "json" };
import { CASES, caseRecipe, expectedRows, previewRows } from "./row_cases.ts";

const model = `${CASES}models/chatml`;

test.each(["f1", "f2", "f3", "f4"])("case %s: rows as expected", async (id) => {
  expect(await previewRows(caseRecipe(id))).toEqual(expectedRows(id));
});

async function refusal(changes: object, strict?: "unusable"): Promise<string> {
  const recipe = { ...caseRecipe("f1"), ...changes } as ReturnType<typeof caseRecipe>;
  const base = await openBase(recipe.model, { weights: "optional" });
  const data = await prepareData(recipe, base, { now: new Date(), strict }).catch((error: Error) => error);
  if (data instanceof Error) return data.message;
  data.close();
  throw new Error("it was not refused");
}

test("case l8: the refusal says that it is null", async () => {
  const { data } = caseRecipe("l8");
  expect(await refusal({ data })).toContain("output: expected text, got null");
  expect(await refusal({ data }, "unusable")).toContain(
    "l8/rows.jsonl row 1: output: expected text, got null",
  );
});

test("case m1: a spreadsheet is refused by its ending, with the endings that are read", async () => {
  const said = await refusal({ data: [{ path: `${CASES}m1/tickets.xlsx` }] });
  expect(said).toContain("tickets.xlsx");
  expect(said).toContain(".xlsx");
  expect(said).toContain(".jsonl");
  expect(said).toContain("CSV");
});

describe("case l6: a template's name", () => {
  test.each(templates as [string, string][])("%s: %s was meant", async (typed, meant) => {
    const base = await openBase(model, { weights: "optional" });
    await expect(openTemplate(base, { name: typed })).rejects.toThrow(`did you mean ${meant}?`);
    expect(await refusal({ template: typed })).toContain(`did you mean ${meant}?`);
  });

  test.each(["none", "qwen2.5", "x", "tokenizer_default", "CHATML"])(
    "%s: the built-in ones are listed",
    async (name) => {
      expect(await refusal({ template: name })).toMatch(
        /there is no such template.*alpaca, chatml, .*\.jinja/s,
      );
    },
  );

  test.each(["mine.jinja", "./mine", "templates/chatml"])("%s is a file", async (name) => {
    expect(await refusal({ template: name })).toMatch(/no such file/);
  });
});

describe("variables of the template", () => {
  const f3 = (changes: object) => previewRows({ ...caseRecipe("f3"), ...changes } as never);
  const texts = async (changes: object) => (await f3(changes)).map(({ tokens }) => tokens.join(""));
  const plain = { data: [{ path: `${CASES}f1/rows.jsonl` }] };

  test("of the recipe hold for all rows, a row's own win", async () => {
    expect(await f3({ chatTemplateKwargs: { tone: "loud" } })).toEqual(expectedRows("f3"));
    const [text] = await texts({ ...plain, chatTemplateKwargs: { tone: "dry" } });
    expect(text).toContain("T" + "on" + "e" + ":" + "Ġd" + "r" + "y");
    expect((await texts(plain))[0]).not.toContain("Tone");
  });

  test("that the template doesn't read are refused by name", async () => {
    const { template } = caseRecipe("f3");
    expect(await refusal({ ...plain, template, chatTemplateKwargs: { mood: "dry" } })).toMatch(
      /it has no variable "mood", which chatTemplateKwargs sets/,
    );
    for (const name of ["chat", "chatml", "alpaca"])
      expect(await refusal({ data: caseRecipe("f3").data, template: name })).toMatch(
        /it has no variable "tone", which the row's chat_template_kwargs sets/,
      );
  });
});
