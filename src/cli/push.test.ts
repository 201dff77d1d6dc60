import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { startUploadServer, TOKEN, type UploadServer } from "../hub/testing/upload_server.ts";
import { runToEnd, smallRecipe } from "../run/testing/runs.ts";
import { startCli } from "./testing/run_cli.ts";

const at = temporaryDirectory();
let server: UploadServer;
beforeEach(async () => {
  server = await startUploadServer();
});
afterEach(() => server.close());

const push = (token: string, ...words: string[]) =>
  startCli(["push", ...words], "", {
    HF_ENDPOINT: server.url,
    HF_TOKEN: token,
    HF_HUB_OFFLINE: "0",
  }).ended;

test("a run's adapter goes to the hub, with what the run says of itself and nothing of this machine", async () => {
  await runToEnd(smallRecipe(at("run"), { training: { maxSteps: 1, learningRate: 1e-3 } }));
  const scores = { base: { loss: 3.25 }, tuned: { loss: { value: 2.5, low: 2, high: 3 } } };
  writeFileSync(at("run/evaluation.json"), JSON.stringify(scores));
  const { code, stdout, stderr } = await push(TOKEN, at("run"), "--to", "harbour/bay");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/pushed +adapter, 3 files, .* to a new private repository\npage +http:/);
  const { files, private: isPrivate } = server.repos["harbour/bay"]!;
  expect(isPrivate).toBe(true);
  expect(Object.keys(files).sort()).toEqual([
    "README.md",
    "adapter_config.json",
    "adapter_model.safetensors",
  ]);
  const card = files["README.md"]!.toString();
  for (const part of ["alpaca.json", "learningRate: 0.001", "loss: 2.5, of the base 3.25", "objective: sft"])
    expect(card).toContain(part);
  for (const file of ["README.md", "adapter_config.json"])
    expect(files[file]!.toString()).not.toContain(at());
}, 60_000);

test("a wrong token and what is no result are named, and the token is not", async () => {
  await runToEnd(smallRecipe(at("run"), { training: { maxSteps: 1 } }));
  const refused = await push("hf_wrongToken", at("run"), "--to", "harbour/bay");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/token/i);
  expect(refused.stderr + refused.stdout).not.toContain("hf_wrongToken");
  const nothing = await push(TOKEN, at("none"), "--to", "harbour/bay");
  expect(nothing).toMatchObject({ code: 1, stderr: expect.stringContaining(at("none")) });
}, 60_000);
