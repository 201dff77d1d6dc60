import { expect, test } from "vitest";
import { goldenPath } from "../testing/goldens.ts";
import { runCli, startCli } from "./testing/run_cli.ts";

const MODEL = goldenPath("models/llama-gqa");
const LORA = goldenPath("training/llama-gqa-lora-all/final");

test("serves a model and an adapter, prints where and how to ask, and ends when told to", async () => {
  const running = startCli(["serve", "-m", MODEL, "-a", `tuned=${LORA}`, "--port", "0", "--threads", "1"]);
  let printed = "";
  running.process.stdout!.on("data", (text) => {
    printed += text;
  });
  await running.printed(/curl .*\n/);
  const [, url] = /serving llama-gqa, tuned at (http:\/\/127\.0\.0\.1:\d+\/v1)\n/.exec(printed)!;
  const [, studio] = /\nStudio: (\S+)\n/.exec(printed)!;
  expect(`${studio}v1`).toBe(url);
  expect(await (await fetch(studio!)).text()).toMatch(/<!doctype html>|npm run build/);
  const models = (await (await fetch(`${url}/models`)).json()) as { data: { id: string }[] };
  expect(models.data.map(({ id }) => id)).toEqual(["llama-gqa", "tuned"]);
  const [, curl, body] = /curl (\S+) .* -d '(.*)'/.exec(printed)!;
  const headers = { "content-type": "application/json" };
  const answer = await fetch(curl!, { method: "POST", headers, body: body! });
  expect((await answer.json()) as object).toMatchObject({ model: "tuned", object: "chat.completion" });
  running.process.kill("SIGTERM");
  expect(await running.ended).toMatchObject({ code: 143 });
});

test("an adapter that is called as the model is refused", async () => {
  const { code, stderr } = await runCli("serve", "-m", MODEL, "-a", `llama-gqa=${LORA}`, "--port", "0");
  expect([code, stderr]).toEqual([1, expect.stringContaining("Name the adapter: NAME=DIR")]);
});
