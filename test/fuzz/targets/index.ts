import { readTensor } from "../../../src/files/safetensors.ts";
import { openModel } from "../../../src/pretrained/open_model.ts";
import { filesIn } from "../files.ts";
import { mutateHeader } from "../safetensors_header.ts";
import type { Target } from "../target.ts";

export const index: Target = {
  name: "index",
  valid: async () => [filesIn("goldens/models/llama-sharded", (name) => /^(config|model)/.test(name))],
  mutate: (draw, input) => (draw.chance(0.2) ? mutateHeader(draw, input) : undefined),
  keeps: (path) => path === "config.json",
  async read(directory) {
    const { directory: opened } = await openModel(directory);
    for (const tensor of [...opened.tensors.values()].slice(0, 3)) await readTensor(tensor);
  },
};
