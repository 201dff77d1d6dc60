import { exportLora, LORA_TYPES } from "../../export/gguf/export_lora.ts";
import { plural, shellWord } from "../format.ts";
import type { ExportFormat } from "./export_format.ts";

export const ggufLora: ExportFormat = {
  summary: "a LoRA adapter for llama.cpp, over the base's own file",
  types: LORA_TYPES,
  needsAdapter: true,
  async run({ model, adapter, output, type, onWarning }) {
    const { architecture, modules } = await exportLora({
      ...{ model, output, onWarning },
      adapter: adapter!,
      type: type as (typeof LORA_TYPES)[number],
    });
    return [
      ["exported", `${plural(modules, "layer")} of ${architecture} in ${type}; read back and compared`],
      ["file", output],
      ["next", `llama-cli -m base.gguf --lora ${shellWord(output)}`],
    ];
  },
};
