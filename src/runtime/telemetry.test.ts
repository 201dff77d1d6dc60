import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { beforeEach, expect, test } from "vitest";
import { startCli, startNode } from "../cli/testing/run_cli.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { programFile } from "../testing/programs.ts";

const at = temporaryDirectory();
beforeEach(() => mkdirSync(at("home")));
const model = goldenPath("models/llama-gqa");
const library = pathToFileURL(programFile("index")).href;

/** Asks a model as a program would; the runtime writes nothing where CI is set. */
const ASK = `
  import { loadModel } from ${JSON.stringify(library)};
  const model = await loadModel(${JSON.stringify(model)});
  await model.complete("Hello", { maxTokens: 2 });
  await model.release();`;

async function filesAtHome(program: string, telemetry?: string): Promise<string[]> {
  writeFileSync(at("program.mjs"), program);
  const env = {
    HOME: at("home"),
    CI: undefined,
    ATTUNE_CACHE: at("cache"),
    ORT_DISABLE_TELEMETRY: telemetry,
  };
  const { stderr, code } = await startNode([at("program.mjs")], "", env).ended;
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  return readdirSync(at("home"), { recursive: true, encoding: "utf8" });
}

test("the runtime leaves nothing at home", async () => {
  expect(await filesAtHome(ASK)).toEqual([]);
});

test("neither do a train and a chat, nor in the directory for temporary files", async () => {
  const data = [{ path: goldenPath("data/alpaca.json") }];
  const recipe = { model, adapter: { type: "lora" }, data, training: { maxSteps: 1 }, output: at("run") };
  writeFileSync(at("recipe.json"), JSON.stringify(recipe));
  mkdirSync(at("tmp"));
  const env = { HOME: at("home"), TMPDIR: at("tmp"), CI: undefined, ATTUNE_CACHE: at("cache") };
  const chat = ["chat", "-m", model, "-a", at("run/adapter"), "-p", "Hello", "--max-tokens", "2"];
  for (const words of [["train", at("recipe.json")], chat])
    expect((await startCli(words, "", { ...env, ORT_DISABLE_TELEMETRY: undefined }).ended).code).toBe(0);
  expect(readdirSync(at("home"))).toEqual([]);
  expect(readdirSync(at("tmp"))).toEqual([]);
});

test.runIf(process.platform === "linux")("unless the user wants it", async () => {
  expect((await filesAtHome(ASK, "0")).some((name) => name.includes("onnxruntime"))).toBe(true);
});

test("in a worker thread that nobody decided for, it is refused", async () => {
  const worker = `
    import { Worker } from "node:worker_threads";
    new Worker(new URL("worker.mjs", import.meta.url)).on("message", console.log).on("error", console.log);`;
  writeFileSync(at("worker.mjs"), WORKER);
  writeFileSync(at("main.mjs"), worker);
  const env = { HOME: at("home"), ORT_DISABLE_TELEMETRY: undefined };
  expect((await startNode([at("main.mjs")], "", env).ended).stdout).toContain("runtime.telemetry-undecided");
  expect(
    (await startNode([at("main.mjs")], "", { ...env, ORT_DISABLE_TELEMETRY: "1" }).ended).stdout,
  ).toContain("answered");
});

const WORKER = `
  import { parentPort } from "node:worker_threads";
  const { loadModel } = await import(${JSON.stringify(library)});
  try {
    const model = await loadModel(${JSON.stringify(model)});
    await model.complete("Hello", { maxTokens: 2 });
    await model.release();
    parentPort.postMessage("answered");
  } catch (error) {
    parentPort.postMessage(error.code ?? String(error));
  }
  process.exit();`;
