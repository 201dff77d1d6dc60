import { basename, resolve } from "node:path";
import { FILE_TYPES, type FileTypeName } from "../../export/gguf/tensor_plan.ts";
import { exportOllama } from "../../export/ollama/export_ollama.ts";
import { shellWord } from "../format.ts";
import type { ExportFormat } from "./export_format.ts";

export const ollama: ExportFormat = {
  summary: "a directory for ollama create: a model file and a Modelfile",
  types: ["f16", ...Object.keys(FILE_TYPES).filter((type) => type !== "f16")],
  takesSystem: true,
  keepsAdapter: true,
  async run({ type, onProgress, ...request }) {
    const { template, stop } = await exportOllama({
      ...request,
      type: type as FileTypeName,
      onBytes: (done, total) => onProgress(done / total),
    });
    const { output } = request;
    const name = basename(resolve(output))
      .toLowerCase()
      .replace(/[^a-z0-9._-]+/g, "-");
    return [
      ["exported", `Modelfile and model.gguf in ${type}; read back and compared`],
      [
        "template",
        template ?? "none that is known to be right: Ollama takes the model's own, if it knows it",
      ],
      ["stops at", stop.join(" ")],
      ["next", `ollama create ${name} -f ${shellWord(`${output}/Modelfile`)} && ollama run ${name}`],
    ];
  },
};
