import type { ExportFormat } from "./export_format.ts";
import { gguf } from "./gguf.ts";
import { ggufLora } from "./gguf_lora.ts";
import { mlx } from "./mlx.ts";
import { ollama } from "./ollama.ts";
import { onnx } from "./onnx.ts";
import { peft } from "./peft.ts";

/** By the names that --format knows. */
export const EXPORT_FORMATS: Readonly<Record<string, ExportFormat>> = {
  gguf,
  "gguf-lora": ggufLora,
  ollama,
  onnx,
  mlx,
  peft,
};
