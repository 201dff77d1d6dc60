import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { loadModel } from "../generation/load_model.ts";
import { goldenPath } from "../testing/goldens.ts";
import { readRecipe } from "./recipe_file.ts";
import { runCli, startCli } from "./testing/run_cli.ts";

const model = goldenPath("models/llama-gqa");
const golden = JSON.parse(readFileSync(goldenPath("generation/llama-gqa.json"), "utf8"));
const at = temporaryDirectory();

function writeRecipe(training: object, more: object = {}): string {
  const data = [{ path: goldenPath("data/alpaca.json") }];
  const recipe = { model, adapter: { type: "lora" }, data, training, output: at("run"), ...more };
  writeFileSync(at("recipe.json"), JSON.stringify(recipe));
  return at("recipe.json");
}

describe("attune train", () => {
  test("tells what is trained and left out, and where the result is", async () => {
    const recipe = writeRecipe({ maxSteps: 3, maxLength: 48, batchSize: 4 });
    const { code, stdout, stderr } = await runCli(
      "train",
      recipe,
      "--set",
      "training.maxSteps=2",
      "--profile",
      at("profile"),
    );
    expect(stderr).toBe("");
    expect(stdout).toContain("12,864 (25.4%): LoRA");
    expect(stdout).toMatch(
      /dropped +22 rows: none of its first 48 tokens .*alpaca\.json row \d+, \d+, \d+ and 19 more/,
    );
    expect(stdout).toMatch(/cut +24 rows to maxLength 48/);
    expect(stdout).toMatch(/^step 1\/2 {2}epoch/m);
    expect(stdout).toMatch(/^step 2\/2 {2}epoch/m);
    expect(stdout).toContain("done after 2 steps");
    expect(stdout).toMatch(new RegExp(`^next {6}\\S.* chat ${at("run")}$`, "m"));
    expect(stdout).toMatch(/^ *\d+\.\d+% +\d+\.\d\ds {2}FusedMatMul × \d/m);
    expect(stdout).toContain(`profile   ${at("profile")}_`);
    expect(readdirSync(at("run", "adapter"))).toEqual(["adapter_config.json", "adapter_model.safetensors"]);
    expect(code).toBe(0);
  });

  test("a signal saves and exits with its code, and the same command goes on", async () => {
    const words = ["train", writeRecipe({ maxSteps: 60, maxLength: 48, batchSize: 4 })];
    for (const [signal, expected] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const) {
      const running = startCli(words);
      await running.printed(/^step +\d+\/60/m);
      running.process.kill(signal);
      const { code, stdout } = await running.ended;
      expect(stdout).toContain("stopping after this step");
      expect(stdout).toMatch(/^stopped after \d+ steps?, /m);
      expect(code).toBe(expected);
    }
    const { code, stdout } = await runCli(...words);
    expect(stdout).toMatch(/going on after step \d+/);
    expect(stdout).toMatch(/┤[\u2800-\u28ff]+\n[\s\S]* 1 +step 60\n/); // the curve of the whole run
    expect(code).toBe(0);
    const lines = readFileSync(at("run", "metrics.jsonl"), "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).step)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  });

  test("a reader that closes the pipe stops it as a signal does", async () => {
    const running = startCli(["train", writeRecipe({ maxSteps: 200, maxLength: 48, batchSize: 4 })]);
    await running.printed(/^step +\d+\/200/m);
    running.process.stdout!.destroy();
    await new Promise((resolve) => running.process.on("exit", resolve));
    expect(running.process.exitCode).toBe(141);
    expect(readdirSync(at("run", "checkpoints"))).not.toHaveLength(0);
    expect(readdirSync(at("run", "adapter"))).toHaveLength(2);
  });

  test("a mistake ends with 1, the key and the nearest known one, and no stack", async () => {
    const { code, stdout, stderr } = await runCli("train", writeRecipe({}), "-s", "training.epoch=1");
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("training.epoch: unknown key; did you mean epochs?");
    expect(stderr).not.toMatch(/^ +at /m);
    expect(existsSync(at("run"))).toBe(false);
  });
});

test("a recipe of stages runs them all; commands that take one run's say so", async () => {
  const stages = [{ name: "first" }, { name: "second", replay: 0.5 }];
  const recipe = writeRecipe({ maxSteps: 1, batchSize: 2, maxLength: 64 }, { stages });
  const { code, stdout } = await runCli("train", recipe);
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^stage 1 of 2: first\n/),
  });
  expect(stdout).toMatch(/\nstage 2 of 2: second\n[\s\S]*going on from .*1-first.adapter/);
  await expect(readRecipe(recipe)).rejects.toThrow(/it has stages, and this command takes the recipe of one/);
});

test("the command that a run prints talks to its result, quantized and in the template it was trained with", async () => {
  const training = { maxSteps: 2, maxLength: 200, batchSize: 4, learningRate: 1e-2 };
  const words = ["-s", "template=alpaca", "-s", "quantization={type: int8}"];
  const { stdout } = await runCli("train", writeRecipe(training), ...words);
  const next = /^next {6}\S.* (chat .*)/m.exec(stdout)![1]!.split(" ");
  expect(next).toEqual(["chat", at("run")]);
  const settings = ["-p", "Name a colour.", "--max-tokens", "8"];
  const told = await runCli(...next, ...settings);
  expect(told).toMatchObject({ code: 0, stderr: "" });
  const quantization = { type: "int8" } as const;
  const loaded = await loadModel(model, {
    adapters: at("run"),
    template: "alpaca",
    quantization,
    threads: 1,
  });
  const { text } = await loaded.chat([{ role: "user", content: "Name a colour." }], { maxTokens: 8 });
  await loaded.release();
  expect(told.stdout).toBe(`${text}\n`);
});

describe("attune chat", () => {
  const { messages, text } = golden.prompts[0];
  const greedy = ["chat", "-m", model, "--max-tokens", String(golden.maxNewTokens), "--temperature", "0"];

  test("--prompt prints the answer and nothing else", async () => {
    expect(messages).toHaveLength(1);
    const ended = await runCli(...greedy, "--prompt", messages[0].content);
    expect(ended).toEqual({ code: 0, stdout: `${text}\n`, stderr: "" });
  });

  test("answers piped lines in one conversation, until it is reset", async () => {
    const line = messages[0].content;
    const { stdout, stderr, code } = await startCli(greedy, `${line}\n${line}\n/reset\n${line}\n`).ended;
    const [first, second] = [`${text}\n`, stdout.slice(text.length + 1, -(text.length + 1))];
    expect(stdout).toBe(first + second + first);
    expect(second).not.toBe(first); // it was asked with what had been said before
    expect(stderr).toContain("a new conversation");
    expect(code).toBe(0);
  });

  test("from a pipe leaves at /quit, and an unknown command is an error", async () => {
    const line = messages[0].content;
    const { stdout, stderr, code } = await startCli(greedy, `/fo\n${line}\n/quit\n${line}\n`).ended;
    expect(stdout).toBe(`${text}\n`);
    expect(stderr).toMatch(/^there is no \/fo; to say it, write \/\/fo\n/);
    expect(code).toBe(1);
  });

  test("an empty prompt is an error, an empty pipe is named", async () => {
    expect(await startCli([...greedy, "-p", "-"], "\n").ended).toEqual({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^error: --prompt: nothing came on the standard input/),
    });
    expect(await startCli(greedy).ended).toEqual({
      code: 0,
      stdout: "",
      stderr: expect.stringMatching(/^nothing came on the standard input/),
    });
  });
});

test("attune merge refuses a directory that holds something", async () => {
  writeFileSync(at("mine.txt"), "mine");
  const adapter = goldenPath("training/llama-gqa-lora-qv/final");
  const { code, stderr } = await runCli("merge", "-m", model, "-a", adapter, "-o", at());
  expect(stderr).toContain("already exists and is not empty");
  expect(code).toBe(1);
  expect(readdirSync(at())).toEqual(["mine.txt"]);
});

test("attune merge writes a model that answers as model and adapter do", async () => {
  const adapter = goldenPath("training/llama-gqa-lora-qv/final");
  const { code, stdout } = await runCli("merge", "-m", model, "-a", adapter, "-o", at("merged"));
  expect(stdout).toMatch(/merged +6 linear layers; .* differ .* by at most \d\.\de-\d/);
  expect(code).toBe(0);
  const prompt = ["-p", "Hello", "--max-tokens", "12"];
  const [merged, both] = [
    await runCli("chat", "-m", at("merged"), ...prompt),
    await runCli("chat", "-m", model, "-a", adapter, ...prompt),
  ];
  expect(merged).toEqual(both);
});
