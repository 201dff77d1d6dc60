import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { goldenPath } from "../testing/goldens.ts";
import { createTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import { PROMPT_TOO_LONG } from "./generate.ts";
import { type LoadedModel, loadModel } from "./load_model.ts";
import { createPromptThread, type PromptThread } from "./prompt_thread.ts";

const LONG = "The cat saw 12 dogs, 你好 😀!\n".repeat(8_000); // 200,000 UTF-16 units
const read = (name: string) => JSON.parse(readFileSync(`${goldenPath("models/llama-gqa")}/${name}`, "utf8"));

let tokenizer: Tokenizer;
let thread: PromptThread;
beforeAll(() => {
  const source = {
    tokenizerJson: read("tokenizer.json"),
    tokenizerConfig: read("tokenizer_config.json"),
    eosIds: [],
    mediaIds: [],
  };
  tokenizer = createTokenizer(source.tokenizerJson, source.tokenizerConfig);
  thread = createPromptThread(tokenizer, source);
});
afterAll(() => thread.close());

/** How often others had their turn while `work` went on. */
async function turnsWithin(work: () => Promise<unknown> | unknown): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await work();
  clearInterval(timer);
  return turns;
}

describe("a long prompt", () => {
  test("has the tokens it has here, and others have their turns meanwhile", async () => {
    for (const options of [{}, { addBos: true }])
      expect(await thread.encode(LONG, options)).toEqual(tokenizer.encode(LONG, options).ids);
    expect(await turnsWithin(() => thread.encode(LONG, {}))).toBeGreaterThan(5);
  });

  test("is refused in the thread as here", async () => {
    await expect(thread.encode(LONG, {}, 100)).rejects.toMatchObject({
      name: "AttuneError",
      code: PROMPT_TOO_LONG,
    });
  });

  test("starts another thread where the first has ended, and those it was at fail by the runtime's fault", async () => {
    const asked = thread.encode(LONG, {});
    await Promise.all([
      expect(asked).rejects.toMatchObject({ code: "generation.thread-ended" }),
      thread.close(),
    ]);
    expect(await thread.encode(LONG.slice(0, 20_000), {})).toEqual(
      tokenizer.encode(LONG.slice(0, 20_000)).ids,
    );
  });

  test("a short one needs no thread", async () => {
    expect(thread.encode("The cat", {})).toEqual(tokenizer.encode("The cat").ids);
  });
});

describe("a model", () => {
  let model: LoadedModel;
  beforeAll(async () => {
    model = await loadModel(goldenPath("models/llama-gqa"), { threads: 1 });
  });
  afterAll(() => model.release());

  test("that is asked a long prompt lets others have their turns", async () => {
    const asking = () => model.complete(LONG).catch(({ code }) => code);
    const turns = await turnsWithin(async () => expect(await asking()).toBe(PROMPT_TOO_LONG));
    expect(turns).toBeGreaterThan(5);
  });
});
