/**
 * The special tokens that transformers' tokenizer classes have where a tokenizer_config.json names none, and which class
 * it takes (transformers 5.18, models/auto/tokenization_auto.py and models/…/tokenization_….py).
 */
type Defaults = Readonly<Record<string, string>>;

const GPT2: Defaults = {
  unk_token: "<|endoftext|>",
  bos_token: "<|endoftext|>",
  eos_token: "<|endoftext|>",
};
const QWEN2: Defaults = {
  unk_token: "<|endoftext|>",
  eos_token: "<|endoftext|>",
  pad_token: "<|endoftext|>",
};
const LLAMA: Defaults = { unk_token: "<unk>", bos_token: "<s>", eos_token: "</s>" };
const ROBERTA: Defaults = {
  ...{ bos_token: "<s>", eos_token: "</s>", sep_token: "</s>", cls_token: "<s>" },
  ...{ unk_token: "<unk>", pad_token: "<pad>", mask_token: "<mask>" },
};
const { mask_token: _, ...XGLM } = ROBERTA;

/** By class, without "Fast". The others, TokenizersBackend among them, have none. */
const CLASSES: Readonly<Record<string, Defaults>> = {
  GPT2Tokenizer: GPT2,
  GPTNeoXTokenizer: { ...GPT2, pad_token: "<|padding|>" },
  WhisperTokenizer: GPT2,
  Qwen2Tokenizer: QWEN2,
  Qwen3_5Tokenizer: QWEN2,
  LlamaTokenizer: LLAMA,
  CodeLlamaTokenizer: LLAMA,
  GemmaTokenizer: {
    ...{ unk_token: "<unk>", bos_token: "<bos>", eos_token: "<eos>" },
    ...{ pad_token: "<pad>", mask_token: "<mask>" },
  },
  CohereTokenizer: {
    ...{
      unk_token: "<UNK>",
      bos_token: "<BOS_TOKEN>",
      eos_token: "<|END_OF_TURN_TOKEN|>",
      pad_token: "<PAD>",
    },
    ...{ cls_token: "<CLS>", sep_token: "<SEP>", mask_token: "<MASK_TOKEN>" },
  },
  RobertaTokenizer: ROBERTA,
  XLMRobertaTokenizer: ROBERTA,
  XGLMTokenizer: XGLM,
  T5Tokenizer: { eos_token: "</s>", unk_token: "<unk>", pad_token: "<pad>" },
};

/** The class registered for a model_type; where it is TokenizersBackend, no other is taken whatever the files say. */
const REGISTERED: Readonly<Record<string, string>> = {
  cohere: "CohereTokenizer",
  cohere2: "CohereTokenizer",
  ernie4_5: "TokenizersBackend",
  gemma: "GemmaTokenizer",
  gemma2: "GemmaTokenizer",
  gemma3: "GemmaTokenizer",
  gemma3_text: "GemmaTokenizer",
  gemma3n: "GemmaTokenizer",
  gemma3n_text: "GemmaTokenizer",
  glm: "TokenizersBackend",
  glm4: "TokenizersBackend",
  gpt2: "GPT2Tokenizer",
  gpt_neox: "GPTNeoXTokenizer",
  granite: "TokenizersBackend",
  granitemoe: "TokenizersBackend",
  granitemoehybrid: "TokenizersBackend",
  ministral: "TokenizersBackend",
  ministral3: "TokenizersBackend",
  mistral: "TokenizersBackend",
  mistral3: "TokenizersBackend",
  mixtral: "TokenizersBackend",
  nemotron: "TokenizersBackend",
  olmo: "GPTNeoXTokenizer",
  olmo2: "TokenizersBackend",
  olmo3: "TokenizersBackend",
  olmoe: "GPTNeoXTokenizer",
  phi: "GPT2Tokenizer",
  phi3: "TokenizersBackend",
  qwen2: "Qwen2Tokenizer",
  qwen2_moe: "Qwen2Tokenizer",
  qwen3: "Qwen2Tokenizer",
  qwen3_5: "Qwen3_5Tokenizer",
  qwen3_5_text: "Qwen3_5Tokenizer",
  qwen3_moe: "Qwen2Tokenizer",
  qwen3_next: "Qwen2Tokenizer",
  stablelm: "TokenizersBackend",
  starcoder2: "GPT2Tokenizer",
};

/** Their registered class is taken whatever the files say: those are known to name a wrong one. */
const ALWAYS_REGISTERED: ReadonlySet<string> = new Set(["qwen2", "qwen3_5"]);

/**
 * @param named `tokenizer_class` of tokenizer_config.json, or else of config.json.
 * @returns special tokens by the names they have in tokenizer_config.json.
 */
export function classDefaults(modelType: unknown, named: unknown): Defaults {
  const name = tokenizerClass(String(modelType), typeof named === "string" ? bare(named) : undefined);
  return Object.hasOwn(CLASSES, name) ? CLASSES[name]! : {};
}

function tokenizerClass(modelType: string, named: string | undefined): string {
  const registered = Object.hasOwn(REGISTERED, modelType) ? REGISTERED[modelType]! : undefined;
  if (registered === undefined) return named ?? "TokenizersBackend";
  if (registered === "TokenizersBackend" || named === undefined) return registered;
  return ALWAYS_REGISTERED.has(modelType) ? registered : named;
}

const bare = (name: string) => name.replace(/Fast$/, "");
