import { expect, test } from "vitest";
import { ownRecipeSchema } from "../src/server/jobs/own_recipe.ts";
import { firstColumns } from "./src/new_run/first_columns.ts";
import { nameOf } from "./src/new_run/plan.ts";
import { withValue, withValues } from "./src/new_run/recipe_keys.ts";
import { type Field, fieldsOf, type JsonSchema, readTyped } from "./src/new_run/schema_fields.ts";

const schema = ownRecipeSchema() as JsonSchema;
const keysOf = (recipe: Record<string, unknown>) => fieldsOf(schema, recipe).map(({ key }) => key);
const fieldOf = (key: string, recipe = {}) => fieldsOf(schema, recipe).find((field) => field.key === key)!;

test("the form has the settings of what the recipe has", () => {
  const lora = keysOf({ adapter: { type: "lora" } });
  expect(lora).toEqual(
    expect.arrayContaining(["training.epochs", "adapter.type", "adapter.r", "quantization.type"]),
  );
  expect(lora).not.toContain("quantization.doubleQuant");
  expect(keysOf({ quantization: { type: "nf4" } })).toContain("quantization.doubleQuant");
  expect(keysOf({ adapter: { type: "ia3" } })).not.toContain("adapter.r");
  expect(keysOf({}).filter((key) => key.startsWith("adapter"))).toEqual(["adapter.type"]);
  expect(keysOf({ objective: { type: "dpo" } })).toContain("objective.beta");
  expect(keysOf({}).filter((key) => /^(data|model|output)/.test(key))).toEqual([]);
});

test("a field knows its choices, its standard and its help", () => {
  expect(fieldOf("adapter.type").choices).toEqual(["lora", "ia3", "vera"]);
  expect(fieldOf("training.batchSize")).toMatchObject({ kind: "number", standard: 16 });
  expect(fieldOf("shuffle")).toMatchObject({ kind: "switch", standard: true });
  expect(fieldOf("objective.type")).toMatchObject({ standard: "sft" });
});

test.each([
  ["number", "2e-4", 2e-4],
  ["number", "x", "x"],
  ["number", " ", undefined],
  ["switch", "false", false],
  ["text", "all-linear", "all-linear"],
  ["text", '["q_proj"]', ["q_proj"]],
  ["text", "10", 10],
])("a %s that is typed as %j is %j", (kind, typed, value) => {
  expect(readTyped({ kind } as Field, typed)).toEqual(value);
});

test("a value is put in and taken out; nothing empty stays", () => {
  const recipe = { training: { epochs: 1 } };
  expect(withValue(recipe, "training.batchSize", 4)).toEqual({ training: { epochs: 1, batchSize: 4 } });
  expect(withValue(recipe, "training.epochs", undefined)).toEqual({});
  const set = { adapter: { type: "lora" }, "training.epochs": null };
  expect(withValues(recipe, set)).toEqual({ adapter: { type: "lora" } });
  expect(recipe).toEqual({ training: { epochs: 1 } });
});

test.each([
  ["a.csv", '\uFEFF"ask",reply\n1,2', ["ask", "reply"]],
  ["a.tsv", "ask\treply\r\n1\t2", ["ask", "reply"]],
  ["a.jsonl", '\n{"ask": 1, "reply": 2}\n{', ["ask", "reply"]],
  ["a.json", '[{"ask": 1}]', ["ask"]],
  ["a.json", "{", []],
  ["a.parquet", "PAR1", []],
])("the columns of %s are those of its first row", async (name, content, columns) => {
  expect(await firstColumns(new File([content], name))).toEqual(columns);
});

test("a run is called after its file, as a job may be", () => {
  expect(nameOf("my rows.v2.jsonl.gz")).toBe("my-rows.v2");
  expect(nameOf("行.jsonl")).toBe("");
});
