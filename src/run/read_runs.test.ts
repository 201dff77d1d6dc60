import { mkdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { readRuns } from "./read_runs.ts";

const at = temporaryDirectory();

function write(path: string, recipe: object): void {
  mkdirSync(at(path), { recursive: true });
  writeFileSync(at(`${path}/recipe.json`), JSON.stringify(recipe));
}

test("a recipe's stages are runs of their own, in their order; bases between them are none", async () => {
  write("staged", { stages: [{}, {}] });
  for (const name of ["10-last", "2-instruct", "1-pretrain"]) write(`staged/stages/${name}`, { model: name });
  mkdirSync(at("staged/stages/2-instruct-base"));
  write("alone", { model: "m" });
  const runs = await readRuns([at("staged"), at("alone")]);
  expect(runs.map(({ recipe }) => recipe.model)).toEqual(["1-pretrain", "2-instruct", "10-last", "m"]);
});

test("of a recipe whose stages have not begun there is no run", async () => {
  write("staged", { stages: [{}] });
  await expect(readRuns([at("staged")])).rejects.toThrow("it is no run's directory");
});
