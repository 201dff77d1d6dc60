import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { attuneTogether, installed, startTogether } from "../mpi/testing/mpirun.ts";
import { runToEnd, smallRecipe } from "../run/testing/runs.ts";
import { runCli } from "./testing/run_cli.ts";

const at = temporaryDirectory();
const times = (text: string, said: string) => said.split(text).length - 1;

async function saidTogether(by: string, size: number, ...words: string[]) {
  const running = startTogether(attuneTogether(by, size, ...words));
  const { code } = await running.ended;
  return { code, said: running.said() };
}

describe.each(installed)("two processes that %s started:", (by) => {
  test.each([
    ["--help", "Usage: attune", ["--help"]],
    ["a command's help", "Usage: attune data check", ["data", "check", "--help"]],
    ["doctor", "ONNX Runtime", ["doctor"]],
  ])("%s is printed once", async (_, text, words) => {
    const { code, said } = await saidTogether(by, 2, ...words);
    expect(code).toBe(0);
    expect(times(text, said), said).toBe(1);
  });

  test("a wrong command line is refused once", async () => {
    const { code, said } = await saidTogether(by, 2, "train", "--thraeds", "2");
    expect(code).not.toBe(0);
    expect(times("unknown option", said), said).toBe(1);
  });

  test("a command that isn't shared out runs in one, and says so", async () => {
    const adapter = "goldens/training/llama-gqa-lora-all/initial";
    const model = "goldens/models/llama-gqa";
    const words = ["merge", "--model", model, "--adapter", adapter, "--out", at(`${by}-merged`)];
    const { code, said } = await saidTogether(by, 2, ...words);
    expect(said).toContain("attune merge runs in one of the 2 processes");
    expect(times("safetensors", said), said).toBeLessThanOrEqual(1);
    expect(code, said).toBe(0);
  });
});

describe.skipIf(installed.length === 0)("attune eval, shared out", () => {
  test("gives one process's result, printed and written once", async () => {
    const recipe = smallRecipe(at("run"), { evaluation: { fraction: 0.1 }, training: { maxSteps: 2 } });
    await runToEnd(recipe);
    writeFileSync(at("recipe.json"), JSON.stringify(recipe));
    const { stdout } = await runCli("eval", at("run"), "--json", "--threads", "1");
    const alone = JSON.parse(stdout);
    const written = () => JSON.parse(readFileSync(at("run/evaluation.json"), "utf8"));
    for (const [i, by] of installed.entries()) {
      writeFileSync(at("run/evaluation.json"), "{}");
      const { code, said } = await saidTogether(by, 2 + i, "eval", at("run"), "--threads", "1");
      expect(code, said).toBe(0);
      expect(times("written to", said), said).toBe(1);
      expectNear(written(), alone);
    }
  }, 180_000);
});

/** Values of any shape: numbers to 1e-6, of the perplexities that differ where theirs do. */
function expectNear(found: unknown, wanted: unknown, scale = 1): void {
  if (typeof wanted === "number" && typeof found === "number")
    expect(Math.abs(found - wanted)).toBeLessThanOrEqual(1e-6 * Math.max(scale, Math.abs(wanted)));
  else if (wanted !== null && typeof wanted === "object") {
    expect(Object.keys(found as object)).toEqual(Object.keys(wanted));
    for (const [key, value] of Object.entries(wanted))
      expectNear((found as Record<string, unknown>)[key], value, key === "perplexity" ? 1e4 : scale);
  } else expect(found).toEqual(wanted);
}
