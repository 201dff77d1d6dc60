import { describe, expect, test } from "vitest";
import { runCli } from "../src/cli/testing/run_cli.ts";
import { casePath, expectedRows, prepareCase } from "./testing/case_files.ts";

describe("tokens and labels of other people's rows and tokenizers", () => {
  test.each(["a1", "a2", "a3", "b1", "b2", "b3", "e1", "e2", "e3", "e4"])("%s", async (id) => {
    const { rows, report } = await prepareCase(id);
    expect(rows).toEqual(expectedRows(id));
    expect(report).toMatchObject({ dropped: [], unusable: [], lost: [] });
  });
});

test("m2: attune data check ends with 1, as attune train does", async () => {
  const data = `data=[{ path: ${casePath("m2/rows.jsonl")} }]`;
  const settings = ["-s", `model=${casePath("models/chatml")}`, "-s", data];
  const { code, stdout, stderr } = await runCli("data", "check", casePath("m2/recipe.yaml"), ...settings);
  expect(stdout).toMatch(/unusable: 1 row: "output" is missing.*m2\/rows\.jsonl row 4\)/);
  expect(stderr).toContain("attune train would refuse this");
  expect(code).toBe(1);
});
