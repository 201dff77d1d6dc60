"""What keys of config.json do: tiny models whose config.json was changed, and the logits transformers computes from them.

`keys.json` lists each change that moves the logits, and some that must not; `logits.safetensors` has the last place's
logits [V] of each, in the same order. Changes that transformers refuses are left away.
"""

import json
import logging

import torch
from safetensors.torch import load_file

from ends import first, with_files
from lib import GOLDENS, MADE_WITH, fresh, logits_of, readable, read_json, save_examples, save_tensors

KEYS = GOLDENS / "config_keys"
FAMILIES = [
    *["cohere-qk-norm", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neox", "granite", "mixtral", "olmo2", "phi3"],
    *["qwen3", "qwen3_moe", "smollm3", "starcoder2"],
    *["apertus", "arcee", "cohere2", "cwm", "ernie4_5", "exaone4", "exaone4-full", "falcon", "falcon-multi-query", "glm4"],
    *["granitemoehybrid", "helium", "hunyuan_v1_dense", "ministral", "ministral3", "nemotron", "olmo", "olmo3", "phi"],
    *["seed_oss", "stablelm", "vaultgemma"],
    *["gpt_oss", "granitemoe", "lfm2", "olmoe", "qwen2_moe", "qwen3_5_text", "qwen3_next", "gemma3n_text", "gemma4_text"],
    *["deepseek_v2", "deepseek_v3"],
]
# Those of the later families that read the keys of rotations each in a way of their own.
ROTATED_ALIKE = ["arcee", "cohere2", "ernie4_5", "exaone4", "exaone4-full", "falcon-multi-query", "helium", "ministral"]
ROTATED_ALIKE += ["granitemoe", "olmoe", "qwen2_moe", "nemotron", "olmo", "seed_oss", "stablelm", "vaultgemma"]
MODELS = ["models/llama-gqa", "models/mistral-window", "models/qwen2-untied", *[f"families/{name}" for name in FAMILIES]]
SLIDES, FULL = "sliding_attention", "full_attention"
LINEAR = {"rope_type": "linear", "factor": 2.0}
PLAIN = {"rope_type": "default", "rope_theta": 77.0}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0}
ROPES = [
    {"rope_scaling": {"type": "linear", "factor": 2.0}},
    {"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": None},
    {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}, "max_position_embeddings": 16},
    {"rope_scaling": {**LLAMA3, "original_max_position_embeddings": 16}},
    {"rope_scaling": LLAMA3},
    {"rope_scaling": {**LLAMA3, "original_max_position_embeddings": 16}, "original_max_position_embeddings": 8},
    {"rope_scaling": {**YARN, "original_max_position_embeddings": 16}},
    {"rope_scaling": {**YARN, "original_max_position_embeddings": 16}, "original_max_position_embeddings": 8},
    {"rope_scaling": {**YARN, "attention_factor": 1.5, "beta_fast": 8, "beta_slow": 2}},
    {"rope_scaling": PLAIN},
    {"rope_scaling": {"rope_type": "proportional", "partial_rotary_factor": 0.5}},
    {"rope_scaling": LINEAR, "rope_parameters": PLAIN},
    {"rope_scaling": {}, "rope_parameters": PLAIN},
    {"rope_theta": 50.0, "rope_parameters": None},
    {"rope_theta": 50.0, "rope_parameters": PLAIN},
    {"rope_theta": 50.0, "rope_parameters": {"rope_type": "default"}},
    {"partial_rotary_factor": 0.5},
    {"partial_rotary_factor": 0.5, "rope_parameters": None},
    {"rotary_pct": 0.5, "rope_parameters": None},
    {"rotary_emb_base": 50, "rope_parameters": None},
    {"rope_local_base_freq": 50.0, "rope_parameters": None},
    {"rope_parameters": {FULL: {**LINEAR, "rope_theta": 77.0}}},
    {"rope_parameters": {FULL: None, SLIDES: None}},
    {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "alpha": 9.0}},
    {"rope_parameters": {**YARN, "original_max_position_embeddings": 8, "llama_4_scaling_beta": 0.3}},
    {"rope_scaling": {**YARN, "original_max_position_embeddings": 8, "llama_4_scaling_beta": 0.3}},
]
CHANGES = [
    {"is_causal": False},
    {"is_causal": None},
    {"rope_scaling": LINEAR},
    {"layer_types": [SLIDES, FULL], "sliding_window": 4},
    {"layer_types": [FULL, SLIDES], "sliding_window": 4, "use_sliding_window": True},
    {"layer_types": None, "sliding_window": 4, "use_sliding_window": True, "max_window_layers": 1},
    {"layer_types": None, "use_sliding_window": True, "max_window_layers": 0},
    {"sliding_window": 4},
    {"sliding_window": None},
    {"use_bidirectional_attention": True},
    {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16},
    {"num_attention_heads": 1},
    {"n_head": 1},
    {"head_dim": 4},
    {"hidden_act": "gelu"},
    {"hidden_act": "gelu_new"},
    {"hidden_act": "silu"},
    {"hidden_act": "relu"},
    {"hidden_activation": "silu"},
    {"activation_function": "gelu"},
    {"rms_norm_eps": 0.1},
    {"layer_norm_eps": 0.1},
    {"norm_epsilon": 0.1},
    {"layer_norm_epsilon": 0.1},
    {"attn_logit_softcapping": 5.0},
    {"final_logit_softcapping": 2.0},
    {"query_pre_attn_scalar": 64},
    {"logit_scale": 0.5},
    {"logits_scaling": 4.0},
    {"attention_multiplier": 0.5},
    {"embedding_multiplier": 3.0},
    {"residual_multiplier": 0.3},
    {"scale_attn_weights": False},
    {"scale_attn_by_inverse_layer_idx": True},
    {"reorder_and_upcast_attn": True},
    {"use_parallel_residual": False},
    {"use_qk_norm": False},
    {"no_rope_layers": [0, 1]},
    {"no_rope_layers": None, "no_rope_layer_interval": 2},
    {"num_experts_per_tok": 1},
    {"norm_topk_prob": False},
    {"norm_topk_prob": True},
    {"sliding_window_pattern": 2, "layer_types": None},
    {"tie_word_embeddings": False},
    {"attention_bias": True},
    {"clip_qkv": 0.1},
    {"norm_eps": 0.1},
    {"alibi": True},
    {"multi_query": False},
    {"parallel_attn": False},
    {"activation": "relu"},
    {"hidden_act": "relu2"},
    {"position_embedding_type": None},
    {"position_embedding_type": "nope"},
    {"layer_types": None},
    {"layer_types": ["attention", "attention"]},
    {"layers_block_type": ["mamba", "attention"]},
    {"qk_layernorm": False},
    {"sliding_window_pattern": 3, "layer_types": None},
    {"sliding_window": None, "layer_types": [FULL, FULL]},
    {"norm_topk_prob": True, "num_experts_per_tok": 3},
    {"block_auto_adjust_ff_dim": False},
    {"block_ffn_dim_multiplier": None},
    {"tie_embedding": False},
    {"full_attn_idxs": [0, 2]},
    {"layer_types": None, "full_attn_idxs": [1]},
    {"layer_types": None, "full_attention_interval": 2},
    {"conv_bias": False},
    {"decoder_sparse_step": 2},
    {"mlp_only_layers": [0]},
    {"linear_num_key_heads": 4},
    {"qkv_bias": False},
    {"rope_interleave": False},
    {"rope_interleave": None},
    {"topk_group": 1},
    {"n_group": 2, "topk_group": 1, "topk_method": "group_limited_greedy"},
    {"n_group": 2, "topk_group": 1},
    {"routed_scaling_factor": 4.0},
]
# Nothing of this is computed differently by any of the families.
HARMLESS = {
    "attention_dropout": 0.5,
    "attn_pdrop": 0.5,
    "resid_pdrop": 0.5,
    "hidden_dropout": 0.5,
    "use_cache": False,
    "initializer_range": 0.5,
    "pretraining_tp": 2,
    "chunk_size_feed_forward": 2,
    "is_causal": True,
    "is_decoder": True,
    "output_hidden_states": True,
    "gradient_checkpointing": True,
    "torch_dtype": "float16",
    "auto_map": {"AutoModelForCausalLM": "modeling_mine.Mine"},
    "per_layer_config": {},
    "attention_chunk_size": 4,
    "n_ctx": 3,
    "qkv_bias": True,
    "residual_dropout": 0.5,
    "router_aux_loss_coef": 1.0,
    "router_jitter_noise": 0.5,
    "a_key_of_mine": [1, 2],
}


def make(*names):
    """`names`: families whose cases are made anew, behind the others; all when left out."""
    logging.disable(logging.CRITICAL)
    models = [f"families/{name}" for name in names] or MODELS
    cases, rows = kept(models) if names else ([], [])
    fresh(KEYS)
    for name in models:
        directory = GOLDENS / name
        own = first(directory)[1][0, -1]
        for change in [HARMLESS, *CHANGES, *([] if directory.name in ROTATED_ALIKE else ROPES)]:
            row = with_files(directory, lambda model: last_logits(directory, model, change))
            if row is None or (torch.allclose(row, own, atol=2e-5) and change is not HARMLESS):
                continue
            assert change is not HARMLESS or torch.allclose(row, own, atol=2e-5), name
            cases.append({"model": name, "change": change})
            rows.append(row)
    save_tensors(KEYS / "logits.safetensors", {"logits": torch.stack(rows)})
    save_examples(KEYS / "keys.json", MADE_WITH, cases, "cases")
    readable(KEYS)


def kept(models):
    cases = read_json(KEYS / "keys.json")["cases"]
    rows = load_file(KEYS / "logits.safetensors")["logits"]
    others = [i for i, case in enumerate(cases) if case["model"] not in models]
    return [cases[i] for i in others], [rows[i] for i in others]


def last_logits(directory, model, change):
    """None where transformers refuses, or doesn't find all weights."""
    config = {**read_json(model / "config.json"), **change}
    (model / "config.json").write_text(json.dumps(config))
    import transformers

    try:
        loaded, info = transformers.AutoModelForCausalLM.from_pretrained(
            model, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager", output_loading_info=True
        )
        if info["missing_keys"] or info["unexpected_keys"] or info["mismatched_keys"]:
            return None
        return logits_of(loaded.eval(), first(directory)[0])[0][0, -1]
    except Exception:
        return None
