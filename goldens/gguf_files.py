"""What GGUF files are compared with: models that llama.cpp can represent, adapters on them, tokens of hard texts, blocks.

Needs gguf (gguf-py) beside the rest: pip install gguf.
"""

import math

import gguf
import numpy as np
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import save_file

from families import fill
from family_cases import DELTA, DERIVED, FULL, GEMMA3N, GEMMA3N_TWO, GEMMA4, GEMMA4_TWO, GPT2, GRANITE, LATENT_LAYERS, LINEAR, MINISTRAL3, MOE, SLIDES, SMALL, STILL, rope
from lib import GOLDENS, MADE_WITH, fresh, generator, load, load_tokenizer, logits_of, readable, save_json, save_tensors

OUT = GOLDENS / "gguf"
VOCAB, LENGTH = 320, 32
# Rows of whole blocks of 32. These families' heads are hidden_size / num_attention_heads.
BASE = {**DERIVED, "intermediate_size": 64}
OWN = {**SMALL, "hidden_size": 32, "intermediate_size": 64, "head_dim": 16}
# DeepSeek: a head's keys and values come from blocks, too.
LATENT = {
    **{**BASE, "num_attention_heads": 2, "num_key_value_heads": 2, "tie_word_embeddings": False},
    **dict(kv_lora_rank=32, q_lora_rank=32, qk_nope_head_dim=32, qk_rope_head_dim=16, v_head_dim=32),
    **dict(n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=32, first_k_dense_replace=1),
}
# llama.cpp keeps to YaRN's usual range; here it is within these heads.
YARN = rope("yarn", 10000.0, factor=4.0, original_max_position_embeddings=1024)
LATENT_YARN = {**YARN, "mscale": 0.7, "mscale_all_dim": 1.0}
VALUES = {"linear_num_value_heads": 6, "linear_key_head_dim": 16, "linear_value_head_dim": 16}
LLAMA3 = rope("llama3", 10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)

MODELS = {
    "llama": ("llama", {**OWN, "rope_parameters": LLAMA3, "attention_bias": True, "mlp_bias": True}),
    "llama-untied": ("llama", {**BASE, "tie_word_embeddings": False}),
    "mixtral": ("mixtral", {**OWN, "num_local_experts": 4, "intermediate_size": 32, "tie_word_embeddings": False}),
    "qwen2": ("qwen2", {**BASE, "rope_parameters": rope("default", 1e6)}),
    "qwen3": ("qwen3", {**OWN, "rope_parameters": rope("default", 1e6)}),
    "qwen3-moe": ("qwen3_moe", {**OWN, **MOE, "moe_intermediate_size": 32}),
    "lfm2": ("lfm2", {**DERIVED, "layer_types": ["conv", FULL, "conv"], "num_hidden_layers": 3, "intermediate_size": 96, "block_multiple_of": 32, "conv_bias": False}),
    "olmoe": ("olmoe", {**BASE, "num_key_value_heads": 4, "num_experts": 4, "num_experts_per_tok": 2}),
    "qwen2-moe": ("qwen2_moe", {**BASE, **MOE, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 64, "norm_topk_prob": False}),
    "glm4-moe": (
        "glm4_moe",
        {
            **{**OWN, "num_hidden_layers": 3, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32},
            **{"attention_bias": True, "use_qk_norm": True, "routed_scaling_factor": 1.5, "first_k_dense_replace": 1},
            "rope_parameters": rope("default", partial_rotary_factor=0.5),
        },
    ),
    "ernie4-5-moe": (
        "ernie4_5_moe",
        {
            **{**BASE, "moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 32, "moe_num_shared_experts": 1},
            **{"moe_layer_start_index": 1, "moe_layer_end_index": 1, "use_bias": False},
        },
    ),
    "deepseek-v2": ("deepseek_v2", {**LATENT, "q_lora_rank": None, "n_shared_experts": 2, "routed_scaling_factor": 1.5, "rope_parameters": LATENT_YARN}),
    "deepseek-v3": ("deepseek_v3", {**LATENT, "n_routed_experts": 6, "n_group": 3, "topk_group": 2, "rope_parameters": LATENT_YARN}),
    "deepseek-v3-halves": ("deepseek_v3", {**LATENT, "n_group": 1, "topk_group": 1, "norm_topk_prob": False, "rope_interleave": False, "rope_parameters": YARN}),
    "gpt-oss": (
        "gpt_oss",
        {
            **{**OWN, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 32, "tie_word_embeddings": False, "rope_parameters": YARN},
            **{"layer_types": [SLIDES, FULL], "sliding_window": 8, "num_local_experts": 4, "num_experts_per_tok": 2},
        },
    ),
    "gemma": ("gemma", OWN),
    "gemma2": (
        "gemma2",
        dict(OWN, sliding_window=8, query_pre_attn_scalar=16, attn_logit_softcapping=3.0, final_logit_softcapping=4.0),
    ),
    "gemma3": (
        "gemma3_text",
        {
            **OWN,
            "num_hidden_layers": 4,
            "layer_types": [SLIDES, SLIDES, FULL, SLIDES],
            "sliding_window": 8,
            "query_pre_attn_scalar": 16,
            "rope_parameters": {FULL: rope("linear", 100000.0, factor=4.0), SLIDES: rope("default", 1000.0)},
        },
    ),
    "gemma3n": (
        "gemma3n_text",
        {
            **{**OWN, **GEMMA3N, **GEMMA3N_TWO, "altup_num_inputs": 4, "altup_active_idx": 0, "laurel_rank": 64},
            **{"hidden_size_per_layer_input": 256, "vocab_size_per_layer_input": 300, "intermediate_size": [512, 512]},
            **{"activation_sparsity_pattern": [0.95, 0.95], "pad_token_id": 0, "dtype": "bfloat16"},
        },
    ),
    "gemma4": (
        "gemma4_text",
        {
            **{**OWN, **GEMMA4, "global_head_dim": 32, "num_kv_shared_layers": 2, "use_double_wide_mlp": True},
            **{"hidden_size_per_layer_input": 32, "final_logit_softcapping": 4.0},
        },
    ),
    "gemma4-experts": (
        "gemma4_text",
        {
            **{**OWN, **GEMMA4_TWO, "global_head_dim": 32, "attention_k_eq_v": True, "num_global_key_value_heads": 1},
            **{"enable_moe_block": True, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 32},
        },
    ),
    "arcee": ("arcee", BASE),
    "seed-oss": ("seed_oss", {**OWN, "attention_bias": True}),
    "ernie4_5": ("ernie4_5", {**BASE, "use_bias": False}),
    "hunyuan": ("hunyuan_v1_dense", OWN),
    "glm": ("glm", {**BASE, "head_dim": 8, "attention_bias": True, "pad_token_id": 317, "rope_parameters": rope("default", partial_rotary_factor=0.5)}),
    "glm4": ("glm4", {**OWN, "attention_bias": True, "rope_parameters": rope("default", partial_rotary_factor=0.5)}),
    "olmo": ("olmo", {**BASE, "clip_qkv": 0.5}),
    "olmo3": ("olmo3", {**BASE, "num_hidden_layers": 4, "layer_types": [SLIDES, SLIDES, SLIDES, FULL], "sliding_window": 8}),
    "exaone4": ("exaone4", {**BASE, "sliding_window": None, "layer_types": [FULL, FULL]}),
    "nemotron": ("nemotron", {**BASE, "tie_word_embeddings": False}),
    "cohere2": ("cohere2", {**BASE, "num_hidden_layers": 4, "layer_types": [SLIDES, SLIDES, SLIDES, FULL], "sliding_window": 8, "logit_scale": 0.25}),
    "stablelm": ("stablelm", {**BASE, "use_qkv_bias": True, "tie_word_embeddings": False}),
    "phi": ("phi", {**BASE, **STILL, "tie_word_embeddings": False}),
    "falcon": ("falcon", {**DERIVED, **STILL, "new_decoder_architecture": True, "num_kv_heads": 2, "ffn_hidden_size": 64}),
    "phi3": ("phi3", {**BASE, "sliding_window": None, "rope_parameters": rope("default", partial_rotary_factor=0.5)}),
    "gpt2": ("gpt2", {**GPT2, **STILL, "n_embd": 32, "n_head": 4}),
    "gpt-neox": (
        "gpt_neox",
        {**BASE, **STILL, "tie_word_embeddings": True, "rope_parameters": rope("default", partial_rotary_factor=0.5)},
    ),
    "olmo2": ("olmo2", {**BASE, "rope_parameters": rope("default", 500000.0)}),
    "smollm3": (
        "smollm3",
        {
            **BASE,
            "num_hidden_layers": 5,
            "no_rope_layers": [1, 1, 1, 0, 1],
            "use_sliding_window": False,
            "layer_types": [FULL] * 5,
            "rope_parameters": rope("default", 20000.0),
        },
    ),
    "granite": ("granite", {**BASE, **GRANITE}),
    "granitemoe": ("granitemoe", {**DERIVED, **GRANITE, "intermediate_size": 32, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "granite-hybrid": (
        "granitemoehybrid",
        {**DERIVED, **GRANITE, "shared_intermediate_size": 64, "num_local_experts": 0, "layer_types": [FULL] * 2, "position_embedding_type": "nope", "mamba_n_heads": 4, "mamba_d_head": 16},
    ),
    "ministral3": (
        "ministral3",
        {**OWN, "sliding_window": None, "rope_parameters": {**MINISTRAL3["rope_parameters"], "mscale": 0.7}},
    ),
    "apertus": ("apertus", {**BASE, "rope_parameters": LLAMA3}),
    "qwen3-next": ("qwen3_next", {**OWN, **DELTA, **VALUES, **MOE, "num_hidden_layers": 2, "layer_types": [LINEAR, FULL], "moe_intermediate_size": 32, "shared_expert_intermediate_size": 64}),
    "qwen3-5": ("qwen3_5_text", {**OWN, **DELTA, **VALUES, "layer_types": [FULL, LINEAR, LINEAR], "tie_word_embeddings": True}),
    "starcoder2": ("starcoder2", {**BASE, "sliding_window": None, "use_bias": False}),
    "cohere": ("cohere", {**BASE, "logit_scale": 0.5}),
}

PATTERNS = {"rank_pattern": {"q_proj": 8}, "alpha_pattern": {"v_proj": 32, "layers.1.mlp.down_proj": 4}}
# name -> its model, PEFT's settings
ADAPTERS = {
    "llama-lora": ("llama", {}),
    "llama-rslora": ("llama", {"use_rslora": True}),
    "llama-patterns": ("llama", PATTERNS),
    "llama-rslora-patterns": ("llama", {"use_rslora": True, **PATTERNS}),
    "llama-head": ("llama-untied", {"target_modules": ["q_proj", "lm_head"]}),
    "qwen2-lora": ("qwen2", {}),
    "gpt2-lora": ("gpt2", {}),
    "gpt2-rslora": ("gpt2", {"use_rslora": True}),
    "gpt-neox-lora": ("gpt-neox", {}),
    "phi3-lora": ("phi3", {}),
    "mixtral-lora": ("mixtral", {"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}),
    "gemma3-lora": ("gemma3", {}),
    "deepseek-v3-lora": ("deepseek-v3", {"target_modules": LATENT_LAYERS}),
    "deepseek-v3-output": ("deepseek-v3", {"target_modules": ["o_proj"]}),
    "gpt-oss-lora": ("gpt-oss", {"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]}),
    "granite-hybrid-lora": ("granite-hybrid", {}),
    "apertus-lora": ("apertus", {}),
    "gemma3n-lora": ("gemma3n", {"target_modules": r".*layers\..*(proj|gate|projection|linear_left|linear_right|coefs)"}),
    "gemma4-lora": ("gemma4", {"target_modules": r".*layers\..*(proj|gate|projection)"}),
    "qwen3-next-lora": ("qwen3-next", {"target_modules": ["q_proj", "o_proj", "in_proj_qkvz", "in_proj_ba", "out_proj", "shared_expert_gate"]}),
    "qwen3-5-lora": ("qwen3-5", {}),
}

TEXTS = [
    "Hello, world!", "The quick brown fox jumps over the lazy dog.", "  two leading spaces", "trailing spaces   ",
    "tabs\tand\nnewlines\r\n\r\nmixed \n ", "\n\n\n", " ", "     ", "a", "I'm sure they'll say it's what we've done, you'd see.",
    "DON'T SHOUT, WE'LL HEAR", "1234567890", "3.14159 and 1,000,000", "x=1;y=22;z=333;w=4444", "2026-11-29T15:38:02Z",
    "http://example.org/a?b=c&d=%20#top", "user@example.org", "snake_case camelCase kebab-case", "C:\\path\\to\\file",
    "def f(x):\n    return x ** 2  # square\n", "{\"key\": [1, 2, null], \"b\": {}}", "<html><body>&amp;</body></html>",
    "€ 5, £6, ¥7 and ½", "naïve café über straße", "Ελληνικά", "русский язык", "עברית", "العربية", "हिन्दी भाषा", "ภาษาไทย",
    "中文分词测试。", "日本語のテキスト", "한국어 문장", "emoji 😀😃 family 👨‍👩‍👧‍👦 flag 🇫🇷", "zero\u200bwidth", "nbsp\u00a0here", "“curly” ‘quotes’ — dash…",
    "!!!???...", "((nested [brackets] {here}))", "a  b   c    d", "MixedCASEwords WITHNumbers123abc", "\u2028line separator",
    "∑∫√≠≤ ∀x∈ℝ", "word\n", "\nword", "'s at the start", "...'twas", "very" * 12, "ⅷ Roman and ² superscript", "<|im_start|>user\nHi<|im_end|>\n",
]
TOKENIZERS = {
    "llama-gqa": "goldens/models/llama-gqa",
    "demo": "demo/base",
    "gpt2": "test/cases/models/gpt2",
    "bos": "test/cases/models/bos",
    "pieces": "test/cases/models/pieces",
}


def make(*names):
    for name in names:
        (make_model if name in MODELS else make_adapter)(name, *{**MODELS, **ADAPTERS}[name])
    if names:
        return readable(OUT)
    fresh(OUT)
    for name, (kind, config) in MODELS.items():
        make_model(name, kind, config)
    for name, (model, settings) in ADAPTERS.items():
        make_adapter(name, model, settings)
    make_tokens()
    make_blocks()
    readable(OUT)


def input_ids(name, model):
    ids = torch.randint(0, VOCAB, (1, LENGTH), generator=generator("gguf input_ids", name))
    return ids % getattr(model.config, "vocab_size_per_layer_input", VOCAB)


def make_model(name, kind, config):
    directory = fresh(OUT / "models" / name)
    model = transformers.AutoModelForCausalLM.from_config(
        transformers.AutoConfig.for_model(kind, **config), attn_implementation="eager"
    )
    fill(model, generator("gguf", name))
    if kind == "gemma3n_text":
        with torch.no_grad():
            model.model.norm.weight.mul_(0.25)  # llama.cpp's deviation of gates is that of one fewer: much, of as few as here
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    write_logits(directory, load(directory), name)


def write_logits(directory, model, name):
    ids = input_ids(name, model)
    logits = logits_of(model, ids)[0]
    save_tensors(directory / "logits.safetensors", {"input_ids": ids, "logits": logits})
    print(f"  {name}: largest logit {logits.abs().max().item():.1f}", flush=True)


def make_adapter(name, model, settings):
    directory = fresh(OUT / "adapters" / name)
    config = LoraConfig(
        **{"r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "target_modules": "all-linear", "task_type": "CAUSAL_LM", **settings}
    )
    adapted = get_peft_model(load(OUT / "models" / model), config)
    g = generator("gguf adapter", name)
    with torch.no_grad():
        for parameter, p in adapted.named_parameters():
            if "lora_A" in parameter:
                p.copy_((torch.rand(p.shape, generator=g) * 2 - 1) / math.sqrt(p.shape[1]))
            if "lora_B" in parameter:
                p.copy_(torch.randn(p.shape, generator=g) * 0.1)
    adapted.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    tuned = PeftModel.from_pretrained(load(OUT / "models" / model), directory).eval()
    write_logits(directory, tuned, name)
    ids = input_ids(name, tuned)
    moved = (logits_of(tuned, ids)[0] - logits_of(load(OUT / "models" / model), ids)[0]).abs().max()
    assert moved > 0.05, f"{name} moves the logits by {moved} only"


def make_tokens():
    ids = {}
    for name, directory in TOKENIZERS.items():
        tokenizer = load_tokenizer(directory)
        ids[name] = {
            "directory": directory,
            "plain": [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS],
            "special": [tokenizer(text)["input_ids"] for text in TEXTS[:3]],
        }
    save_json(OUT / "tokens.json", {**MADE_WITH, "texts": TEXTS, "ids": ids})


def make_blocks():
    """Rows of all kinds: usual ones, ties, zeros of both signs, one large number, tiny ones, halves between codes."""
    g = generator("gguf blocks")
    rows = [torch.randn(64, generator=g) * scale for scale in (1.0, 0.02, 1e-6, 300.0, 1e-9)]
    rows += [torch.zeros(64), -torch.zeros(64), torch.ones(64), -torch.ones(64)]
    rows += [(torch.arange(64) - 31.5) / 8, (torch.arange(64) % 16 - 8.0), torch.cat([torch.full((63,), 0.01), torch.tensor([-5.0])])]
    rows += [(torch.arange(64) % 2 * 2 - 1) * 3.0, (torch.arange(64) - 32.0) * 0.5 * 127 / 127, torch.randint(-127, 128, (64,), generator=g) / 2.0]
    values = torch.stack(rows).float().numpy()
    tensors = {"values": values}
    for name in ("Q8_0", "Q4_0", "F16", "BF16"):
        quantized = gguf.quants.quantize(values, gguf.GGMLQuantizationType[name])
        tensors[name] = np.ascontiguousarray(quantized).view(np.uint8).reshape(len(rows), -1)
    save_file(tensors, OUT / "blocks.safetensors", metadata={"gguf": "0.19.0"})
