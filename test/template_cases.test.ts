import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openBase } from "../src/pretrained/base.ts";
import { prepareData } from "../src/run/prepare_data.ts";
import { casePath, expectedRows, prepareCase, readCaseRecipe } from "./testing/case_files.ts";

test.each(["c1", "c2", "c3", "c4", "d1", "d2"])(
  "%s: tools and calls keep what their rows say",
  async (id) => {
    const { rows, report } = await prepareCase(id);
    expect(rows).toEqual(expectedRows(id));
    expect(report).toMatchObject({ dropped: [], unusable: [] });
  },
);

/** The first row's text, on a day. */
async function textOf(id: string, now: Date): Promise<string> {
  const recipe = await readCaseRecipe(id);
  const base = await openBase(recipe.model, { weights: "optional" });
  const data = await prepareData(recipe, base, { now });
  const text = base.tokenizer.decode([...data.train.at(0).tokens]);
  data.close();
  return text;
}

test.each([
  ["g1", "29 November 2026", "3 December 2026"],
  ["g2", "29 Nov, day 333; 2026-11-29", " 3 Dec, day 337; 2026-12-03"],
])("%s: the date in a template is written as Python writes it", async (id, today, later) => {
  expect(readFileSync(casePath(`${id}/template.jinja`), "utf8")).toContain("strftime_now");
  expect(await textOf(id, new Date(2026, 10, 29, 12))).toContain(today);
  expect(await textOf(id, new Date(2026, 11, 3, 12))).toContain(later);
});

test("n2: a slice whose step is no whole number is refused at once", async () => {
  const recipe = await readCaseRecipe("n2");
  const base = await openBase(recipe.model, { weights: "optional" });
  await expect(prepareData(recipe, base, { now: new Date() })).rejects.toThrow(
    /template .*template\.jinja: a slice needs whole numbers, got a float/,
  );
});
