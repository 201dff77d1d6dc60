import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { runCli } from "./testing/run_cli.ts";

const at = temporaryDirectory();

function check(rows: object[], ...flags: string[]) {
  writeFileSync(at("rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  const data = [{ path: at("rows.jsonl") }];
  const recipe = {
    model: goldenPath("models/llama-gqa"),
    adapter: { type: "lora" },
    data,
    output: at("run"),
  };
  writeFileSync(at("recipe.json"), JSON.stringify(recipe));
  return runCli("data", "check", at("recipe.json"), ...flags);
}
const good = { prompt: "Name a fish:", completion: " carp" };

test("attune data check says what of an answer is not trained, and ends with 0", async () => {
  const { code, stdout, stderr } = await check([good, { prompt: "Say: th", completion: "e" }]);
  expect(stdout).toMatch(/lost: 1 row: the first token of an answer isn't trained: it begins.*row 2\)/);
  expect(stdout).toMatch(/lost: 1 row: nothing of the answer is trained but its end token \(.*row 2\)/);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});

test("it ends with 1 where train would refuse, after the report", async () => {
  const { code, stdout, stderr } = await check([good, { prompt: "?" }]);
  expect(stdout).toMatch(/unusable: 1 row: "completion" is missing.*row 2\)/);
  expect(stderr).toMatch(/^error: attune train would refuse this:\n.*a row can't be used/);
  expect(code).toBe(1);
});
