/** Models to begin with, smallest first: families, sizes and licences as docs/models.md has them. */
export interface KnownModel {
  /** On the Hugging Face hub. */
  name: string;
  parameters: number;
  licence: string;
}

export const MODELS: readonly KnownModel[] = [
  { name: "baidu/ERNIE-4.5-0.3B-PT", parameters: 0.36e9, licence: "Apache 2.0" },
  { name: "Qwen/Qwen2.5-0.5B-Instruct", parameters: 0.49e9, licence: "Apache 2.0" },
  { name: "Qwen/Qwen3-0.6B", parameters: 0.6e9, licence: "Apache 2.0" },
  { name: "Qwen/Qwen3-1.7B", parameters: 1.7e9, licence: "Apache 2.0" },
  { name: "HuggingFaceTB/SmolLM3-3B", parameters: 3.1e9, licence: "Apache 2.0" },
  { name: "Qwen/Qwen3-4B", parameters: 4e9, licence: "Apache 2.0" },
];
