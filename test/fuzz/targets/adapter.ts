import { readdirSync } from "node:fs";
import { fitAdapter } from "../../../src/adapters/fit_adapter.ts";
import { readAdapterDirectory } from "../../../src/adapters/peft/adapter_directory.ts";
import { adapterSites } from "../../../src/adapters/targets/sites.ts";
import { openModel } from "../../../src/pretrained/open_model.ts";
import { filesIn, inRepository } from "../files.ts";
import { mutateHeader } from "../safetensors_header.ts";
import type { Target } from "../target.ts";

const FILES = /^adapter_(config\.json|model\.safetensors)$/;
const BASES = ["models/llama-gqa", "models/qwen2-tied", "families/gpt2"];

export const adapter: Target = {
  name: "adapter",
  valid: async () =>
    readdirSync(inRepository("goldens/adapters"))
      .map((name) => filesIn(`goldens/adapters/${name}/final`, (file) => FILES.test(file)))
      .filter((input) => input.size === 2),
  mutate: mutateHeader,
  async read(directory, draw) {
    const adapter = await readAdapterDirectory(directory);
    const { model } = await openModel(inRepository(`goldens/${draw.pick(BASES)}`));
    fitAdapter(adapter, adapterSites(model));
  },
};
