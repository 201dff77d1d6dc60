/** What PEFT 0.21 adapts where target_modules is null (utils/constants.py), by the model_type of the base. */

export interface Defaults {
  /** A list of name endings, or a regular expression. */
  targetModules: string[] | string;
  feedforwardModules?: string[];
}

const qv = { targetModules: ["q_proj", "v_proj"] };
const fused = { targetModules: ["query_key_value"] };
export const LORA_TARGETS: Record<string, Defaults> = {
  falcon: fused,
  gemma: qv,
  gemma2: qv,
  gemma3_text: qv,
  gemma4: { targetModules: ".*language_model\\..*\\.(q_proj|v_proj)" },
  gpt2: { targetModules: ["c_attn"] },
  gpt_neox: fused,
  llama: qv,
  mistral: qv,
  mixtral: qv,
  phi: { targetModules: ["q_proj", "v_proj", "fc1", "fc2"] },
  qwen2: qv,
  qwen3: qv,
  stablelm: qv,
};
export const VERA_TARGETS: Record<string, Defaults> = { ...LORA_TARGETS, phi: qv };

const scaled = (targetModules: string[], last: string) => ({
  targetModules: [...targetModules, last],
  feedforwardModules: [last],
});
export const IA3_TARGETS: Record<string, Defaults> = {
  falcon: scaled(["query_key_value"], "dense_4h_to_h"),
  gemma: scaled(["q_proj", "v_proj"], "down_proj"),
  gemma2: scaled(["q_proj", "v_proj"], "down_proj"),
  gemma3_text: scaled(["q_proj", "v_proj"], "down_proj"),
  gpt2: scaled(["c_attn"], "mlp.c_proj"),
  gpt_neox: scaled(["query_key_value"], "dense_4h_to_h"),
  llama: scaled(["k_proj", "v_proj"], "down_proj"),
  mistral: scaled(["k_proj", "v_proj"], "down_proj"),
  mixtral: scaled(["k_proj", "v_proj"], "w2"),
  phi: scaled(["q_proj", "v_proj"], "fc2"),
  qwen2: scaled(["q_proj", "v_proj"], "down_proj"),
  qwen3: scaled(["q_proj", "v_proj"], "down_proj"),
};
