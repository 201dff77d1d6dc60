import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { AttuneError } from "../../text/errors.ts";
import { findAdapterDirectory } from "./find_adapter.ts";

const at = temporaryDirectory();

/** Empty files below the run's directory. */
function make(...files: string[]): void {
  for (const file of files) {
    mkdirSync(dirname(at("x", file)), { recursive: true });
    writeFileSync(at("x", file), "");
  }
}
const adapter = (directory: string) =>
  ["adapter_config.json", "adapter_model.safetensors"].map((file) => `${directory}/${file}`);

test("an adapter's own directory", async () => {
  make(...adapter("."), ...adapter("adapter"));
  expect(await findAdapterDirectory(at("x"))).toBe(at("x"));
});

test("a run's directory means its adapter, a better one beside it or not", async () => {
  make("recipe.json", ...adapter("adapter"), ...adapter("best"));
  expect(await findAdapterDirectory(at("x"))).toBe(at("x/adapter"));
});

test.each<[string, string[], RegExp]>([
  ["nothing", ["other.txt"], /not a PEFT adapter directory: adapter_config\.json and .*safetensors missing$/],
  ["half an adapter", ["adapter_config.json"], /: adapter_model\.safetensors missing$/],
  [
    "a pickle",
    ["adapter_config.json", "adapter_model.bin"],
    /missing\. adapter_model\.bin is a pickle, .* save it again/,
  ],
  ["a run under way", ["recipe.json", ...adapter("best")], /Give .*x\/best\.$/],
  ["a run that saved nothing yet", ["recipe.json", "metrics.jsonl"], /This run has written no adapter yet/],
  ["a run of all weights", ["recipe.json", "model/config.json"], /give .*x\/model as the model/],
  ["a checkpoint", ["state.json", "tensors.safetensors"], /a checkpoint .*: give the run's directory/],
  ["a model", ["config.json", "model.safetensors"], /It holds a model: give it as the model/],
  [
    "adapters with names, as PEFT saves them",
    [...adapter("one"), ...adapter("two")],
    /Give .*x\/one or .*x\/two/,
  ],
  ["mlx-lm's", ["adapter_config.json", "adapter.safetensors"], /adapters\.safetensors is mlx-lm's/],
])("%s", async (_, files, message) => {
  make(...files);
  await expect(findAdapterDirectory(at("x"))).rejects.toThrow(AttuneError);
  await expect(findAdapterDirectory(at("x"))).rejects.toThrow(message);
});

test("a file, and what isn't there", async () => {
  make("adapter.gguf");
  await expect(findAdapterDirectory(at("x/adapter.gguf"))).rejects.toThrow(AttuneError);
  await expect(findAdapterDirectory(at("none"))).rejects.toThrow(/Cannot read .*none/);
});
