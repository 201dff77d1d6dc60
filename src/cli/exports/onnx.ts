import { resolve } from "node:path";
import { exportOnnx } from "../../export/onnx/export_onnx.ts";
import { ONNX_TYPES, type OnnxTypeName } from "../../export/onnx/onnx_types.ts";
import { formatBytes } from "../format.ts";
import type { ExportFormat } from "./export_format.ts";

export const onnx: ExportFormat = {
  summary: "a directory for transformers.js, in browsers and Node; ONNX Runtime runs its model too",
  types: Object.keys(ONNX_TYPES),
  async run({ model, adapter, output, type, template, onWarning, onProgress }) {
    const { file, bytes, known } = await exportOnnx({
      ...{ model, adapter, output, template, onWarning, type: type as OnnxTypeName },
      onBytes: (done, total) => onProgress(done / total),
    });
    const next = `pipeline("text-generation", ${JSON.stringify(resolve(output))}), of @huggingface/transformers`;
    return [
      ["exported", `${file} in ${type}, ${formatBytes(bytes)}; read back, compared and run`],
      ["model", output],
      ...(known ? [["next", next] as [string, string]] : []),
    ];
  },
};
