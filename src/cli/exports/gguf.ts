import { exportGguf } from "../../export/gguf/export_gguf.ts";
import { FILE_TYPES, type FileTypeName } from "../../export/gguf/tensor_plan.ts";
import { formatBytes, plural, shellWord } from "../format.ts";
import type { ExportFormat } from "./export_format.ts";

export const gguf: ExportFormat = {
  summary: "a model file for llama.cpp and what is built on it; an adapter is merged",
  types: ["f16", ...Object.keys(FILE_TYPES).filter((type) => type !== "f16")],
  async run({ model, adapter, output, type, template, onWarning, onProgress }) {
    const { architecture, tensors, bytes } = await exportGguf({
      ...{ model, adapter, output, template, onWarning },
      type: type as FileTypeName,
      onBytes: (done, total) => onProgress(done / total),
    });
    return [
      [
        "exported",
        `${architecture} in ${type}, ${plural(tensors, "tensor")}, ${formatBytes(bytes)}; read back and compared`,
      ],
      ["file", output],
      ["next", `llama-cli -m ${shellWord(output)}`],
    ];
  },
};
