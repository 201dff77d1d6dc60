import { exportGguf } from "../../export/gguf/export_gguf.ts";
import { exportKQuant } from "../../export/gguf/export_k_quant.ts";
import { isKType, K_TYPES } from "../../export/gguf/k_quants.ts";
import { FILE_TYPES, type FileTypeName } from "../../export/gguf/tensor_plan.ts";
import { formatBytes, plural, shellWord } from "../format.ts";
import type { ExportFormat } from "./export_format.ts";

export const gguf: ExportFormat = {
  summary: "a model file for llama.cpp and what is built on it; an adapter is merged",
  types: ["f16", ...Object.keys(FILE_TYPES).filter((type) => type !== "f16"), ...Object.keys(K_TYPES)],
  async run({ model, adapter, output, type, template, onWarning, onProgress }) {
    const onBytes = (done: number, total: number) => onProgress(done / total);
    const options = { model, adapter, output, template, onWarning, onBytes };
    const { architecture, tensors, bytes } = isKType(type)
      ? await exportKQuant({ ...options, type })
      : await exportGguf({ ...options, type: type as FileTypeName });
    return [
      [
        "exported",
        `${architecture} in ${type}, ${plural(tensors, "tensor")}, ${formatBytes(bytes)}${isKType(type) ? "; llama.cpp made it of a float16 file, which was" : ";"} read back and compared`,
      ],
      ["file", output],
      ["next", `llama-cli -m ${shellWord(output)}`],
    ];
  },
};
