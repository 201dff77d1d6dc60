import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { runToEnd, smallRecipe } from "../run/testing/runs.ts";
import { runCli } from "./testing/run_cli.ts";

const at = temporaryDirectory();

test("attune compare shows runs, as a table, as JSON and as a page; and says what is no run", async () => {
  const training = { maxSteps: 2, maxLength: 96 };
  await runToEnd(smallRecipe(at("a"), { training, evaluation: { fraction: 0.1 } }));
  await runToEnd(smallRecipe(at("b"), { training, evaluation: { fraction: 0.2 } }));
  const { code, stdout } = await runCli("compare", at("a"), at("b"), "--html", at("c.html"));
  expect(code).toBe(0);
  expect(stdout).toMatch(/^run +objective .* held out/);
  expect(stdout).toContain("note: not comparable, their held-out rows or tokens differ: a | b");
  expect(stdout).toMatch(/evaluation\.fraction +0\.1 +0\.2/);
  expect(readFileSync(at("c.html"), "utf8")).toContain("Side by side");
  const json = JSON.parse((await runCli("compare", at("a"), "--json", "--html", at("a.html"))).stdout);
  expect(json.runs).toMatchObject([{ path: at("a"), steps: 2, state: "completed" }]);
  expect(readFileSync(at("a.html"), "utf8")).toContain("Settings");
  const wrong = await runCli("compare", at("a"), at("nothing"));
  expect(wrong).toMatchObject({ code: 1, stdout: "" });
  expect(wrong.stderr).toContain("nothing: there is no such directory");
  expect((await runCli("compare", "--methods", "lora,qlorra", "x.yaml")).stderr).toContain(
    "did you mean qlora?",
  );
});
