import { loadModel, openBase, type ResultFiles, train } from "attune/browser";
import type { Said } from "./page.ts";
import { type Platform, run, type Trial } from "./trial.ts";

const DEMO = [
  ...["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"],
  ...["chat_template.jinja", "model.safetensors"],
];

/** As a page would, by attune/browser alone. */
const tab: Platform<ResultFiles> = {
  async *train({ recipe, rows, threads }) {
    const base = await openBase(await demoFiles());
    for await (const event of train(base, { ...recipe, data: [{ rows }] }, { threads })) {
      if (event.type === "end") return event.files;
      yield event;
    }
    throw new Error("the run ended without saying so");
  },
  load: async (files, { threads }) =>
    loadModel(await openBase(await demoFiles()), { adapters: { demo: files }, threads }),
};

async function demoFiles(): Promise<Record<string, Blob>> {
  const files = DEMO.map(async (name) => [name, await (await fetch(`/base/${name}`)).blob()] as const);
  return Object.fromEntries(await Promise.all(files));
}

const say = (said: Said) => postMessage(said);

addEventListener("message", ({ data }: MessageEvent<Trial>) => {
  run(tab, data, (progress) => say({ progress })).then(
    (outcome) => say({ outcome }),
    (error) => say({ error: String(error?.stack ?? error) }),
  );
});
