/** Cases e5 to e7, l9 and m3: what `attune chat` makes of other people's files. */
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runCli, startCli } from "../src/cli/testing/run_cli.ts";
import { temporaryDirectory } from "../src/files/testing/temporary_directory.ts";
import { loadModel } from "../src/generation/load_model.ts";
import { freshModel } from "../src/testing/fresh_model.ts";

const path = (name: string) => fileURLToPath(new URL(`cases/${name}`, import.meta.url));
const at = temporaryDirectory();
const question = [{ role: "user", content: "Hello" }] as const;

/** The case's generation_config.json beside fresh weights for models/chatml. */
async function modelOf(id: string): Promise<string> {
  const model = await freshModel(path("models/chatml"), at(id));
  const file = path(`${id}/generation_config.json`);
  if (existsSync(file)) cpSync(file, at(id, "generation_config.json"));
  return model;
}

async function idsOf(id: string, options = {}): Promise<number[]> {
  const model = await loadModel(await modelOf(id), { threads: 1 });
  const { ids } = await model.chat(question, options);
  await model.release();
  return ids;
}

test("e5: no suppressed token comes", async () => {
  const { suppress_tokens } = JSON.parse(readFileSync(path("e5/generation_config.json"), "utf8"));
  const ids = await idsOf("e5", { maxTokens: 40 });
  expect(ids.filter((id) => suppress_tokens.includes(id))).toEqual([]);
  const sampled = await idsOf("e5", { maxTokens: 40, temperature: 3, topK: 0, seed: 1 });
  expect(sampled.filter((id) => suppress_tokens.includes(id))).toEqual([]);
});

test("e6: six tokens come", async () => {
  expect(await idsOf("e6")).toHaveLength(6);
});

test("e7: no two tokens follow each other twice", async () => {
  const ids = await idsOf("e7", { maxTokens: 60 });
  const pairs = ids.slice(1).map((id, i) => `${ids[i]} ${id}`);
  expect(new Set(pairs).size).toBe(pairs.length);
});

describe("l9: top_p 0", () => {
  test("takes the likeliest token", async () => {
    const model = await loadModel(await modelOf("l9"), { threads: 1 });
    const [nucleus, greedy] = [
      await model.chat(question, { maxTokens: 12 }),
      await model.chat(question, { maxTokens: 12, temperature: 0 }),
    ];
    await model.release();
    expect(nucleus.ids).toEqual(greedy.ids);
  });

  test("answers on the command line", async () => {
    const { code, stderr } = await runCli(
      "chat",
      "-m",
      await modelOf("l9"),
      "-p",
      "Hello",
      "--max-tokens",
      "4",
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

describe("m3: a message longer than the context", () => {
  const message = readFileSync(path("m3/input.txt"), "utf8");

  test("from a pipe is an error, and the exit code 1; what comes after it is answered", async () => {
    const model = await modelOf("m3");
    const { code, stdout, stderr } = await startCli(
      ["chat", "-m", model, "--max-tokens", "3"],
      `${message.trimEnd()}\nHello\n`,
    ).ended;
    expect(stderr).toMatch(/^error: the prompt has \d+ tokens; the model was made for 1024/);
    expect(stdout).toMatch(/^[^\n]/); // the second line's answer alone
    expect(code).toBe(1);
  });

  test("as the prompt is one, too", async () => {
    const words = ["chat", "-m", await modelOf("m3"), "-p", "-"];
    const { code, stdout, stderr } = await startCli(words, message).ended;
    expect(stderr).toMatch(/^error: the prompt has \d+ tokens/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });
});

test("generation settings that are wrong end a piped chat with 1, and name the file and the key", async () => {
  const model = await modelOf("m3");
  writeFileSync(at("m3", "generation_config.json"), '{"do_sample": true, "min_p": 2}');
  const { code, stderr } = await startCli(["chat", "-m", model], "Hello\n").ended;
  expect(stderr).toMatch(/generation_config\.json: min_p: expected a number from 0 to 1, got 2/);
  expect(code).toBe(1);
});
