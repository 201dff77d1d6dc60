import { readdirSync } from "node:fs";
import { adapterSites } from "../../../src/adapters/targets/sites.ts";
import { readGenerationSettings } from "../../../src/generation/generation_config.ts";
import { modelLayout } from "../../../src/models/layout.ts";
import { openModel } from "../../../src/pretrained/open_model.ts";
import { filesIn, input, inRepository } from "../files.ts";
import type { Target } from "../target.ts";

const WANTED = /^(config|generation_config)\.json$|^model.*\.(safetensors|json)$/;

/** Configs of all families, with their weights and alone, as a model is pretrained from. */
export const config: Target = {
  name: "config",
  async valid() {
    const paths = ["models", "families"].flatMap((kind) =>
      readdirSync(inRepository(`goldens/${kind}`)).map((name) => `goldens/${kind}/${name}`),
    );
    const whole = paths.map((path) => filesIn(path, (name) => WANTED.test(name)));
    const alone = paths.map((path) => filesIn(path, (name) => name === "config.json"));
    const generation = JSON.stringify({
      do_sample: true,
      temperature: 0.7,
      top_k: 20,
      top_p: 0.9,
      max_new_tokens: 50,
      eos_token_id: [1, 2],
      suppress_tokens: [5],
      stop_strings: ["x"],
      bad_words_ids: [[3, 4]],
    });
    return [...whole, ...alone].map(
      (files) => new Map([...input({ "generation_config.json": generation }), ...files]),
    );
  },
  keeps: (path) => path.startsWith("model"),
  async read(directory) {
    const { model, directory: opened } = await openModel(directory, { weights: "optional" });
    readGenerationSettings(opened, model.dimensions.vocabSize);
    if (opened.tensors.size === 0) return; // sizes may be any where nothing is there to compare
    modelLayout(model);
    adapterSites(model);
  },
};
