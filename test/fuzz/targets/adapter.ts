import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fitAdapter } from "../../../src/adapters/fit_adapter.ts";
import { readAdapterDirectory } from "../../../src/adapters/peft/adapter_directory.ts";
import { adapterSites } from "../../../src/adapters/targets/sites.ts";
import { openModel } from "../../../src/pretrained/open_model.ts";
import { filesIn, inRepository } from "../files.ts";
import { mutateHeader } from "../safetensors_header.ts";
import type { Target } from "../target.ts";

const FILES = /^adapter_(config\.json|model\.safetensors)$/;
const BASES = [
  "models/llama-gqa",
  "models/llama-bf16",
  "models/llama-bias",
  "models/qwen2-tied",
  "families/gpt2",
];

export const adapter: Target = {
  name: "adapter",
  valid: async () =>
    readdirSync(inRepository("goldens/adapters"))
      .map((name) => filesIn(`goldens/adapters/${name}/final`, (file) => FILES.test(file)))
      .filter((input) => input.size === 2),
  mutate: mutateHeader,
  async read(directory, draw) {
    const adapter = await readAdapterDirectory(directory);
    const { model } = await openModel(inRepository(`goldens/${baseOf(directory) ?? draw.pick(BASES)}`));
    fitAdapter(adapter, adapterSites(model));
  },
};

/** The base that the adapter was made for; undefined where its config says so no more. */
function baseOf(directory: string): string | undefined {
  const config = readFileSync(join(directory, "adapter_config.json"), "utf8");
  return BASES.find((base) => config.includes(`goldens/${base}"`));
}
