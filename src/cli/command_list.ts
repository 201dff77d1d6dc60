import type { Command } from "commander";

/** Gives a command its description, options and action. */
type Definition = (command: Command) => Command;

/** What the list of commands says of each, and its own file, which is read when it is asked for: all together take half a second. */
export const COMMANDS: Record<string, [summary: string, load: () => Promise<Definition>]> = {
  demo: [
    "tune a tiny model that comes along, and see before and after",
    async () => (await import("./commands/demo.ts")).demoCommand,
  ],
  lab: [
    "measure what instruction tuning and LoRA are said to do",
    async () => (await import("./commands/lab.ts")).labCommand,
  ],
  init: ["write a recipe for your data", async () => (await import("./commands/init.ts")).initCommand],
  estimate: [
    "what a recipe will take: memory, time, disk",
    async () => (await import("./commands/estimate.ts")).estimateCommand,
  ],
  train: ["run a recipe", async () => (await import("./commands/train.ts")).trainCommand],
  data: ["look at a recipe's data", async () => (await import("./commands/data.ts")).dataCommand],
  eval: [
    "measure base against tuned on held-out rows",
    async () => (await import("./commands/eval.ts")).evalCommand,
  ],
  compare: [
    "show runs side by side, or tune by several methods",
    async () => (await import("./commands/compare.ts")).compareCommand,
  ],
  sweep: [
    "try settings of a recipe, and keep the best",
    async () => (await import("./commands/sweep.ts")).sweepCommand,
  ],
  chat: [
    "talk to a model, or print one answer",
    async () => (await import("./commands/chat.ts")).chatCommand,
  ],
  serve: [
    "serve a model and its adapters by OpenAI's API",
    async () => (await import("./commands/serve.ts")).serveCommand,
  ],
  merge: [
    "put an adapter into its model for good, or take it out again",
    async () => (await import("./commands/merge.ts")).mergeCommand,
  ],
  export: [
    "files for other tools: llama.cpp, Ollama, browsers, MLX, PEFT",
    async () => (await import("./commands/export.ts")).exportCommand,
  ],
  push: [
    "a run's result, a model or an export to the Hugging Face hub",
    async () => (await import("./commands/push.ts")).pushCommand,
  ],
  adapter: [
    "combine adapters, or extract one from two models",
    async () => (await import("./commands/adapter.ts")).adapterCommand,
  ],
  quantize: [
    "keep a model's linear layers in 4 or 8 bits",
    async () => (await import("./commands/quantize.ts")).quantizeCommand,
  ],
  tokenizer: [
    "make a vocabulary, or add tokens to a model's",
    async () => (await import("./commands/tokenizer.ts")).tokenizerCommand,
  ],
  doctor: [
    "show the machine, the runtime, the caches, and what leaves the machine",
    async () => (await import("./commands/doctor.ts")).doctorCommand,
  ],
};
