"""The models of `families.py`. To add a family is to add an entry to CASES, or none: see `guess`."""

from transformers import CONFIG_MAPPING

VOCAB, EOS, PAD = 320, 319, 317
# Dropout that a model brings along is not attune's: PEFT's runs are compared without it.
STILL = dict(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, attention_dropout=0.0, hidden_dropout=0.0)
SMALL = dict(
    vocab_size=VOCAB,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    max_position_embeddings=64,
    tie_word_embeddings=True,
    bos_token_id=None,
    eos_token_id=EOS,
    pad_token_id=PAD,
)
# Families without a head_dim of their own: hidden_size / num_attention_heads.
DERIVED = {key: value for key, value in {**SMALL, "hidden_size": 32}.items() if key != "head_dim"}
GPT2 = dict(vocab_size=VOCAB, n_embd=24, n_layer=2, n_head=3, n_positions=96, bos_token_id=None, eos_token_id=EOS)
SLIDES, FULL = "sliding_attention", "full_attention"


def rope(kind, theta=10000.0, **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


LONG = rope(
    "longrope",
    short_factor=[1.0, 1.1, 1.3],
    long_factor=[1.2, 2.5, 6.0],
    original_max_position_embeddings=16,
    partial_rotary_factor=0.75,
)
GEMMA2 = dict(sliding_window=8, query_pre_attn_scalar=12, attn_logit_softcapping=3.0, final_logit_softcapping=4.0)
GEMMA3 = dict(
    num_hidden_layers=3,
    layer_types=[SLIDES, SLIDES, FULL],
    sliding_window=8,
    query_pre_attn_scalar=12,
    rope_parameters={FULL: rope("linear", 100000.0, factor=4.0), SLIDES: rope("default", 1000.0)},
)
QWEN3 = dict(use_sliding_window=True, sliding_window=8, layer_types=[FULL, SLIDES], rope_parameters=rope("default", 1e6))
GRANITE = dict(embedding_multiplier=2.0, attention_multiplier=0.2, residual_multiplier=0.6, logits_scaling=2.0)
YARN = rope("yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=4.0, beta_slow=0.5)
MOE = dict(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12, norm_topk_prob=True)

LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
WINDOWS = dict(sliding_window=8, layer_types=[SLIDES, FULL])
TINY = {**SMALL, "hidden_size": 16, "intermediate_size": 24}
TINY_DERIVED = {**DERIVED, "intermediate_size": 24}
SCALED = {**YARN, "type": "yarn", "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.5}
MINISTRAL3 = dict(rope_parameters={**SCALED, "original_max_position_embeddings": 8})
FALCON = dict(
    vocab_size=VOCAB,
    hidden_size=32,
    ffn_hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    max_position_embeddings=64,
    bos_token_id=None,
    eos_token_id=EOS,
    pad_token_id=PAD,
)
DENSE_HYBRID = {
    **TINY_DERIVED,
    **GRANITE,
    "layer_types": [FULL, FULL],
    "num_local_experts": 0,
    "shared_intermediate_size": 24,
    "position_embedding_type": "rope",
    "mamba_n_heads": 4,
}
LINEAR = "linear_attention"
DELTA = dict(
    num_hidden_layers=3,
    layer_types=[LINEAR, FULL, LINEAR],
    linear_key_head_dim=8,
    linear_value_head_dim=6,
    linear_num_key_heads=2,
    linear_num_value_heads=4,
    tie_word_embeddings=False,
    rope_parameters=rope("default", partial_rotary_factor=0.5),
)
GEMMA3N = dict(
    num_hidden_layers=4,
    layer_types=[SLIDES, FULL, SLIDES, FULL],
    num_kv_shared_layers=2,
    intermediate_size=[24, 32, 24, 24],
    activation_sparsity_pattern=[0.6, 0.0, 0.7, 0.0],
    sliding_window=8,
    rms_norm_eps=0.01,
    altup_num_inputs=3,
    altup_active_idx=1,
    laurel_rank=4,
    hidden_size_per_layer_input=12,
    vocab_size_per_layer_input=VOCAB,
    rope_parameters={FULL: rope("linear", 100000.0, factor=4.0), SLIDES: rope("default", 1000.0)},
)
GEMMA3N_TWO = dict(num_hidden_layers=2, layer_types=[SLIDES, FULL], num_kv_shared_layers=0, intermediate_size=[24, 24], activation_sparsity_pattern=[0.6, 0.0])
# All but correction_coefs: in training transformers takes its weight past the adapter.
GEMMA3N_LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "linear_left", "linear_right"]
GEMMA3N_LAYERS += ["per_layer_input_gate", "per_layer_projection", "per_layer_model_projection", "modality_router"]
GEMMA3N_LAYERS += ["prediction_coefs", "altup_projections.0", "altup_projections.1", "altup_unembed_projections.0"]
GEMMA4 = dict(
    num_hidden_layers=4,
    layer_types=[SLIDES, FULL, SLIDES, FULL],
    sliding_window=8,
    global_head_dim=12,
    vocab_size_per_layer_input=VOCAB,
    rope_parameters={FULL: rope("proportional", 100000.0, partial_rotary_factor=0.5), SLIDES: rope("default", 1000.0)},
)
GEMMA4_TWO = {**GEMMA4, "num_hidden_layers": 2, "layer_types": [SLIDES, FULL], "hidden_size_per_layer_input": 0}
QWEN_EYE = dict(depth=1, hidden_size=8, intermediate_size=8, num_heads=1, out_hidden_size=16, num_position_embeddings=4)
EYE = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=28, patch_size=14)
SIGLIP = {**EYE, "model_type": "siglip_vision_model", "vision_use_head": False}
PIXTRAL = {**EYE, "model_type": "pixtral", "head_dim": 8}
GEMMA4_UNIFIED = {key: value for key, value in GEMMA4_TWO.items() if "per_layer_input" not in key}
GEMMA4_UNIFIED.update(attention_k_eq_v=True, num_global_key_value_heads=1)
GEMMA4_PATCHES = dict(model_type="gemma4_unified_vision", patch_size=2, pooling_kernel_size=1, mm_embed_dim=8, mm_posemb_size=4, output_proj_dims=16)
GEMMA4_EYE = {**EYE, "model_type": "gemma4_vision", "head_dim": 8, "num_key_value_heads": 1, "patch_size": 2, "position_embedding_size": 4}
# Beside an image encoder, whose layers have the same names.
SEEING = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"

LATENT = {
    **TINY_DERIVED,
    **dict(num_key_value_heads=4, kv_lora_rank=8, q_lora_rank=12, qk_nope_head_dim=6, qk_rope_head_dim=8, v_head_dim=6),
    **dict(num_experts_per_tok=2, moe_intermediate_size=12, first_k_dense_replace=1, tie_word_embeddings=False),
}
# PEFT takes the names of the MLPs' layers for the experts'.
LATENT_LAYERS = ["q_proj", "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"]
LATENT_YARN = {**YARN, "mscale": 0.7, "mscale_all_dim": 1.0}

ALL, ATTENTION = "all-linear", ["q_proj", "k_proj", "v_proj", "o_proj"]
# name -> model type, its config, what must move the logits when set to this (checked), what LoRA is trained on
CASES = {
    "qwen3": ("qwen3", {**SMALL, **QWEN3}, {"layer_types": [FULL, FULL]}, ALL),
    "gemma": ("gemma", SMALL, {"rope_parameters": rope("default", 100.0)}, ALL),
    "gemma2": (
        "gemma2",
        {**SMALL, **GEMMA2},
        {
            "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
            "sliding_window": 64,
            "query_pre_attn_scalar": 8,
        },
        ALL,
    ),
    "gemma3_text": (
        "gemma3_text",
        {**SMALL, **GEMMA3},
        {"layer_types": [FULL] * 3, "sliding_window": 64, "rope_parameters": None},
        ALL,
    ),
    "phi3": (
        "phi3",
        {**DERIVED, "sliding_window": 12, "rope_parameters": rope("default", partial_rotary_factor=0.5)},
        {"sliding_window": None, "rope_parameters": rope("default")},
        ALL,
    ),
    "phi3-longrope": (
        "phi3",
        {**DERIVED, "rope_parameters": LONG, "original_max_position_embeddings": 16},
        {"original_max_position_embeddings": 64},
        None,
    ),
    "gpt2": ("gpt2", {**GPT2, **STILL}, {"scale_attn_by_inverse_layer_idx": True, "layer_norm_epsilon": 0.5}, ALL),
    "gpt_neox": (
        "gpt_neox",
        {
            **DERIVED,
            **STILL,
            "intermediate_size": 48,
            "tie_word_embeddings": False,
            "rope_parameters": rope("default", partial_rotary_factor=0.5),
        },
        {"use_parallel_residual": False, "rope_parameters": rope("default", partial_rotary_factor=1.0)},
        ALL,
    ),
    "gpt_neox-serial": (
        "gpt_neox",
        {
            **DERIVED,
            **STILL,
            "intermediate_size": 48,
            "use_parallel_residual": False,
            "rope_parameters": rope("default", partial_rotary_factor=0.25),
        },
        {},
        None,
    ),
    "olmo2": ("olmo2", {**DERIVED, "rope_parameters": rope("default", 500000.0)}, {"rms_norm_eps": 0.5}, ALL),
    "smollm3": (
        "smollm3",
        {
            **DERIVED,
            "no_rope_layers": [1, 0],
            "use_sliding_window": True,
            "sliding_window": 8,
            "layer_types": [FULL, SLIDES],
            "rope_parameters": rope("default", 20000.0),
        },
        {"no_rope_layers": [1, 1], "sliding_window": 64},
        ALL,
    ),
    "granite": ("granite", {**DERIVED, **GRANITE}, {key: 1.0 for key in GRANITE}, ALL),
    "starcoder2": (
        "starcoder2",
        {**DERIVED, "sliding_window": 8, "intermediate_size": 48},
        {"sliding_window": None, "norm_epsilon": 0.5},
        ALL,
    ),
    "cohere": ("cohere", {**DERIVED, "logit_scale": 0.5}, {"logit_scale": 1.0, "layer_norm_eps": 0.5}, ALL),
    "cohere-qk-norm": ("cohere", {**DERIVED, "use_qk_norm": True, "logit_scale": 0.5}, {}, None),
    "llama-dynamic": (
        "llama",
        {**SMALL, "max_position_embeddings": 16, "rope_parameters": rope("dynamic", factor=2.0)},
        {"rope_parameters": rope("default")},
        None,
    ),
    "llama-yarn": ("llama", {**SMALL, "rope_parameters": YARN}, {"rope_parameters": rope("default")}, None),
    "llama-yarn-mscale": (
        "llama",
        {**SMALL, "rope_parameters": {**YARN, "mscale": 0.5, "mscale_all_dim": 1.0, "truncate": False}},
        {"rope_parameters": YARN},
        None,
    ),
    "qwen3_moe": ("qwen3_moe", {**SMALL, **MOE}, {"norm_topk_prob": False, "num_experts_per_tok": 3}, ATTENTION),
    "mixtral": (
        "mixtral",
        {**SMALL, "num_local_experts": 4, "intermediate_size": 12, "sliding_window": 8},
        {"num_experts_per_tok": 3, "sliding_window": None},
        ATTENTION,
    ),
    "gemma3": (
        "gemma3",
        {"text_config": {**TINY, **GEMMA3, "num_hidden_layers": 2, "layer_types": [SLIDES, FULL]}, "vision_config": SIGLIP},
        {"text_config": {"layer_types": [FULL, SLIDES], "sliding_window": 64, "rope_parameters": None}},
        SEEING,
    ),
    "mistral3": (
        "mistral3",
        {
            "text_config": {**TINY, "model_type": "mistral", "sliding_window": 8, "rope_parameters": rope("default", 1e6)},
            "vision_config": PIXTRAL,
            "tie_word_embeddings": False,
        },
        {"text_config": {"sliding_window": None, "rope_parameters": None}},
        SEEING,
    ),
    "mistral3-ministral3": (
        "mistral3",
        {"text_config": {**TINY, **MINISTRAL3, "model_type": "ministral3"}, "vision_config": PIXTRAL},
        {"text_config": {"rope_parameters": {**MINISTRAL3["rope_parameters"], "llama_4_scaling_beta": 0.0}}},
        None,
    ),
    "ministral3": ("ministral3", {**TINY, **MINISTRAL3}, {"rope_parameters": {**SCALED, "llama_4_scaling_beta": 0.0}}, ALL),
    "ministral": (
        "ministral",
        {**TINY, "sliding_window": 8, "layer_types": [SLIDES, FULL]},
        {"layer_types": [FULL, SLIDES], "sliding_window": 64},
        ALL,
    ),
    "olmo3": (
        "olmo3",
        {**TINY_DERIVED, **WINDOWS, "rope_parameters": {FULL: {**YARN, "rope_theta": 500000.0}, SLIDES: rope("default", 500000.0)}},
        {"layer_types": [FULL, SLIDES], "sliding_window": 64, "rope_parameters": None},
        ALL,
    ),
    "olmo": ("olmo", {**TINY_DERIVED, "clip_qkv": 0.7}, {"clip_qkv": None, "rope_parameters": rope("default", 100.0)}, ALL),
    "glm4": (
        "glm4",
        {**TINY, "rope_parameters": rope("default", partial_rotary_factor=0.5)},
        {"rope_parameters": rope("default", partial_rotary_factor=1.0), "rms_norm_eps": 0.5},
        ALL,
    ),
    "glm": (
        "glm",
        {**TINY, "rope_parameters": rope("default", partial_rotary_factor=0.5)},
        {"rope_parameters": rope("default", partial_rotary_factor=1.0), "rms_norm_eps": 0.5},
        ALL,
    ),
    "cohere2": (
        "cohere2",
        {**TINY_DERIVED, **WINDOWS, "logit_scale": 0.5},
        {"layer_types": [FULL, SLIDES], "logit_scale": 1.0, "layer_norm_eps": 0.5, "sliding_window": 64},
        ALL,
    ),
    "exaone4": (
        "exaone4",
        {**TINY, **WINDOWS, "sliding_window_pattern": 2},
        {"layer_types": [FULL, SLIDES], "sliding_window": 64, "rms_norm_eps": 0.5},
        ALL,
    ),
    "exaone4-full": ("exaone4", {**TINY, "sliding_window": None, "layer_types": [FULL, FULL]}, {}, None),
    "phi": (
        "phi",
        {
            **TINY_DERIVED,
            **STILL,
            "tie_word_embeddings": False,
            "qk_layernorm": True,
            "rope_parameters": rope("default", partial_rotary_factor=0.5),
        },
        {"rope_parameters": rope("default", partial_rotary_factor=1.0), "layer_norm_eps": 0.5},
        ALL,
    ),
    "seed_oss": (
        "seed_oss",
        {**TINY, **STILL, "residual_dropout": 0.0, "attention_out_bias": True, "mlp_bias": True},
        {"rope_parameters": rope("default", 100.0), "rms_norm_eps": 0.5},
        ALL,
    ),
    "ernie4_5": ("ernie4_5", {**TINY, "use_bias": True}, {"rope_parameters": rope("default", 100.0)}, ALL),
    "hunyuan_v1_dense": (
        "hunyuan_v1_dense",
        {**TINY, "max_position_embeddings": 128, "rope_parameters": rope("dynamic", alpha=50.0, factor=1.0)},
        {"rope_parameters": rope("dynamic", factor=1.0), "rms_norm_eps": 0.5},
        ALL,
    ),
    "arcee": ("arcee", {**TINY, "mlp_bias": True}, {"hidden_act": "gelu", "rms_norm_eps": 0.5}, ALL),
    "stablelm": (
        "stablelm",
        {**TINY_DERIVED, "use_qkv_bias": True, "qk_layernorm": True, "rope_parameters": rope("default", partial_rotary_factor=0.5)},
        {"rope_parameters": rope("default", partial_rotary_factor=1.0), "layer_norm_eps": 0.5},
        ALL,
    ),
    "stablelm-parallel": (
        "stablelm",
        {**TINY_DERIVED, "use_parallel_residual": True, "rope_parameters": rope("default", partial_rotary_factor=0.25)},
        {},
        None,
    ),
    "falcon": (
        "falcon",
        {**FALCON, "num_kv_heads": 2, "new_decoder_architecture": True},
        {"rope_parameters": rope("default", 100.0), "layer_norm_epsilon": 0.5},
        ALL,
    ),
    "falcon-one-norm": (
        "falcon",
        {**FALCON, "num_kv_heads": 2, "new_decoder_architecture": True, "num_ln_in_parallel_attn": 1},
        {},
        None,
    ),
    "falcon-multi-query": ("falcon", {**FALCON, "multi_query": True}, {}, None),
    "falcon-serial": ("falcon", {**FALCON, "multi_query": False, "parallel_attn": False, "bias": True}, {}, None),
    "helium": ("helium", {**TINY_DERIVED, "head_dim": 8}, {"rms_norm_eps": 0.5, "rope_parameters": rope("default", 100.0)}, ALL),
    "nemotron": (
        "nemotron",
        {**TINY_DERIVED, "rope_parameters": rope("default", partial_rotary_factor=0.5)},
        {"rope_parameters": rope("default", partial_rotary_factor=1.0), "norm_eps": 0.5, "hidden_act": "gelu"},
        ALL,
    ),
    "cwm": (
        "cwm",
        {**TINY, "bos_token_id": 0, "sliding_window": 8, "layer_types": [FULL, SLIDES], "rope_parameters": LLAMA3},
        {"layer_types": [SLIDES, FULL], "rope_parameters": rope("default")},
        ALL,
    ),
    "vaultgemma": (
        "vaultgemma",
        {**TINY, **GEMMA2},
        {"attn_logit_softcapping": None, "final_logit_softcapping": None, "sliding_window": 64, "query_pre_attn_scalar": 8},
        ALL,
    ),
    "lfm2": (
        "lfm2",
        {**TINY_DERIVED, "num_hidden_layers": 3, "layer_types": ["conv", FULL, "conv"], "conv_bias": True, "block_multiple_of": 10},
        {"block_auto_adjust_ff_dim": False, "norm_eps": 0.5, "rope_parameters": rope("default", 100.0)},
        ALL,
    ),
    "qwen3_5_text": (
        "qwen3_5_text",
        {**TINY, **DELTA},
        {"rms_norm_eps": 0.5, "rope_parameters": rope("default", partial_rotary_factor=1.0), "hidden_act": "gelu"},
        ALL,
    ),
    "qwen3_5": (
        "qwen3_5",
        {"text_config": {**TINY, **DELTA, "num_hidden_layers": 2, "layer_types": [LINEAR, FULL]}, "vision_config": QWEN_EYE},
        {"text_config": {"rms_norm_eps": 0.5, "rope_parameters": rope("default", partial_rotary_factor=1.0)}},
        r".*language_model.*\.(in_proj_qkv|in_proj_a|out_proj|(q|k|v|o|gate|up|down)_proj)",
    ),
    "qwen3_next": (
        "qwen3_next",
        {**TINY, **DELTA, **MOE, "mlp_only_layers": [2], "shared_expert_intermediate_size": 12},
        {"norm_topk_prob": False, "num_experts_per_tok": 3, "rope_parameters": rope("default", partial_rotary_factor=1.0)},
        [*ATTENTION, "in_proj_qkvz", "in_proj_ba", "out_proj", "shared_expert_gate"],
    ),
    "gpt_oss": (
        "gpt_oss",
        {**TINY, **WINDOWS, "num_local_experts": 4, "num_experts_per_tok": 2, "tie_word_embeddings": False, "rope_parameters": YARN},
        {"layer_types": [FULL, SLIDES], "sliding_window": 64, "num_experts_per_tok": 3, "rope_parameters": rope("default")},
        ATTENTION,
    ),
    "qwen2_moe": (
        "qwen2_moe",
        {
            **TINY,
            **MOE,
            "sliding_window": 8,
            "use_sliding_window": True,
            "layer_types": [SLIDES, FULL],
            "norm_topk_prob": False,
            "shared_expert_intermediate_size": 12,
        },
        {"norm_topk_prob": True, "num_experts_per_tok": 3, "layer_types": [FULL, SLIDES]},
        [*ATTENTION, "shared_expert_gate"],
    ),
    "olmoe": (
        "olmoe",
        {**TINY_DERIVED, "num_experts": 4, "num_experts_per_tok": 2, "clip_qkv": 0.7},
        {"norm_topk_prob": True, "num_experts_per_tok": 3, "clip_qkv": None, "rms_norm_eps": 0.5},
        ATTENTION,
    ),
    "granitemoe": (
        "granitemoe",
        {**TINY_DERIVED, **GRANITE, "num_local_experts": 4},
        {**{key: 1.0 for key in GRANITE}, "num_experts_per_tok": 3},
        ATTENTION,
    ),
    "glm4_moe": (
        "glm4_moe",
        {
            **TINY,
            "num_hidden_layers": 3,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 12,
            "routed_scaling_factor": 1.5,
            "attention_bias": True,
            "use_qk_norm": True,
            "rope_parameters": rope("default", partial_rotary_factor=0.5),
        },
        {"norm_topk_prob": False, "num_experts_per_tok": 3, "routed_scaling_factor": 1.0, "rms_norm_eps": 0.5},
        ATTENTION,
    ),
    "ernie4_5_moe": (
        "ernie4_5_moe",
        {
            **{key: value for key, value in TINY_DERIVED.items()},
            "moe_num_experts": 4,
            "moe_k": 2,
            "moe_intermediate_size": 12,
            "moe_num_shared_experts": 1,
            "moe_norm_min": 0.9,
            "use_bias": True,
        },
        {"moe_k": 3, "moe_norm_min": 1e-12, "rope_parameters": rope("default", 100.0)},
        ATTENTION,
    ),
    "gemma3n_text": (
        "gemma3n_text",
        {**TINY, **GEMMA3N},
        {
            "activation_sparsity_pattern": None,
            "altup_correct_scale": False,
            "sliding_window": 64,
            "final_logit_softcapping": 4.0,
            "rope_parameters": None,
        },
        GEMMA3N_LAYERS,
    ),
    "gemma3n": (
        "gemma3n",
        {
            "text_config": {**TINY, **GEMMA3N, **GEMMA3N_TWO},
            "vision_config": {"hidden_size": 8, "vocab_size": 2},
            "audio_config": {"hidden_size": 8, "vocab_size": 2},
        },
        {"text_config": {"sliding_window": 64, "rope_parameters": None}},
        r".*language_model.*\.(q_proj|v_proj|down_proj|linear_left)",
    ),
    "gemma4_text": (
        "gemma4_text",
        {
            **TINY,
            **GEMMA4,
            "num_kv_shared_layers": 2,
            "use_double_wide_mlp": True,
            "hidden_size_per_layer_input": 12,
            "final_logit_softcapping": 10.0,
            "rms_norm_eps": 0.01,
        },
        {"sliding_window": 64, "final_logit_softcapping": None, "rope_parameters": None},
        ALL,
    ),
    "gemma4_text-values": (
        "gemma4_text",
        {**TINY, **GEMMA4_TWO, "attention_k_eq_v": True, "num_global_key_value_heads": 1},
        {"sliding_window": 64, "rope_parameters": None, "rms_norm_eps": 0.5},
        ALL,
    ),
    "gemma4_text-experts": (
        "gemma4_text",
        {**TINY, **GEMMA4_TWO, "enable_moe_block": True, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 12},
        {"top_k_experts": 3, "rms_norm_eps": 0.5},
        ALL,
    ),
    "gemma4": (
        "gemma4",
        {
            "text_config": {**TINY, **GEMMA4_TWO, "hidden_size_per_layer_input": 12},
            "vision_config": GEMMA4_EYE,
            "audio_config": None,
        },
        {"text_config": {"sliding_window": 64, "rope_parameters": None}},
        SEEING,
    ),
    "gemma4_unified_text": (
        "gemma4_unified_text",
        {**TINY, **GEMMA4_UNIFIED},
        {"sliding_window": 64, "rope_parameters": None, "rms_norm_eps": 0.5},
        ALL,
    ),
    "gemma4_unified": (
        "gemma4_unified",
        {"text_config": {**TINY, **GEMMA4_UNIFIED}, "vision_config": GEMMA4_PATCHES, "audio_config": None},
        {"text_config": {"sliding_window": 64, "rope_parameters": None}},
        SEEING,
    ),
    "deepseek_v2": (
        "deepseek_v2",
        {**LATENT, "q_lora_rank": None, "n_routed_experts": 4, "n_shared_experts": 2, "rope_parameters": LATENT_YARN},
        {"num_experts_per_tok": 3, "rms_norm_eps": 0.5, "rope_parameters": {**LATENT_YARN, "mscale_all_dim": 0.5}},
        LATENT_LAYERS,
    ),
    "deepseek_v2-groups": (
        "deepseek_v2",
        {
            **LATENT,
            **dict(n_routed_experts=4, n_group=2, topk_group=1, topk_method="group_limited_greedy", routed_scaling_factor=1.5),
            "attention_bias": True,
            "mlp_bias": True,
        },
        {"topk_group": 2, "topk_method": "greedy", "routed_scaling_factor": 1.0},
        LATENT_LAYERS,
    ),
    "deepseek_v3": (
        "deepseek_v3",
        {**LATENT, "n_routed_experts": 6, "n_group": 3, "topk_group": 2, "rope_parameters": LATENT_YARN, "attention_bias": True},
        {
            "topk_group": 1,
            "norm_topk_prob": False,
            "routed_scaling_factor": 1.0,
            "rope_interleave": False,
            "rope_parameters": {**LATENT_YARN, "mscale_all_dim": 0.5},
        },
        LATENT_LAYERS,
    ),
    "deepseek_v3-wide": (
        "deepseek_v3",
        {**LATENT, "q_lora_rank": None, "v_head_dim": 18, "n_routed_experts": 4, "n_group": 1, "topk_group": 1, "rope_interleave": False},
        {"rope_interleave": True},
        None,
    ),
    "granitemoehybrid": ("granitemoehybrid", DENSE_HYBRID, {**{key: 1.0 for key in GRANITE}, "position_embedding_type": None}, ALL),
    "apertus": ("apertus", {**TINY_DERIVED, "rope_parameters": LLAMA3}, {"rope_parameters": rope("default"), "rms_norm_eps": 0.5}, ALL),
}


def guess(kind):
    """A tiny model of a type that has no entry: what its config class knows of SMALL and WINDOWS, without dropout."""
    keys = CONFIG_MAPPING[kind].__dataclass_fields__
    still = {key: 0.0 for key in keys if key.endswith(("dropout", "pdrop"))}
    return kind, {**{key: value for key, value in {**SMALL, **WINDOWS}.items() if key in keys}, **still}, {}, ALL
