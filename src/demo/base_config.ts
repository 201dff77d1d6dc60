export const SPECIAL_TOKENS = {
  endOfText: "<|endoftext|>",
  startOfTurn: "<|im_start|>",
  endOfTurn: "<|im_end|>",
} as const;

/** `config.json` of the demo's base model. */
export const baseConfig = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: 2304,
  hidden_size: 160,
  intermediate_size: 448,
  num_hidden_layers: 4,
  num_attention_heads: 5,
  num_key_value_heads: 5,
  head_dim: 32,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  rope_parameters: { rope_type: "default", rope_theta: 10_000 },
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  attention_dropout: 0,
  initializer_range: 0.05,
  tie_word_embeddings: true,
  use_cache: true,
  bos_token_id: null,
  eos_token_id: 0,
  pad_token_id: 0,
  torch_dtype: "bfloat16",
  dtype: "bfloat16",
};

/** ChatML. */
export const CHAT_TEMPLATE = `{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
`;

export const tokenizerConfig = {
  tokenizer_class: "PreTrainedTokenizerFast",
  clean_up_tokenization_spaces: false,
  model_max_length: 512,
  eos_token: SPECIAL_TOKENS.endOfTurn,
  pad_token: SPECIAL_TOKENS.endOfText,
};
