"""Names and shapes of parameters: transformers', and those that mlx-lm's models have after its `sanitize`.

mlx-lm itself does not run here: its rules (mlx_lm/models/<model_type>.py at ml-explore/mlx-lm) are written down below. Linear
layers are [out, in]; experts are stacked by mlx's SwitchGLU as [experts, out, in]; a depthwise convolution is [channels, taps, 1];
a tied output layer is left out but in gemma3_text, gpt_neox, gpt_oss, glm4, glm4_moe and qwen2_moe, which have a linear layer of their
own. Models with an encoder of images hold their text model as `language_model`.
"""

import json
import re

import torch
import transformers

from family_cases import (
    DELTA,
    DERIVED,
    FULL,
    GEMMA3N,
    GEMMA4,
    GEMMA4_EYE,
    GPT2,
    GRANITE,
    LINEAR,
    MOE,
    PIXTRAL,
    QWEN_EYE,
    SIGLIP,
    SLIDES,
    SMALL,
    STILL,
    TINY,
    rope,
)
from lib import GOLDENS, MADE_WITH, auto_class

BASE = {**DERIVED, "intermediate_size": 64}
OWN = {**SMALL, "hidden_size": 32, "intermediate_size": 64, "head_dim": 16}
LLAMA3 = rope("llama3", 10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
GLM4_MOE = dict(
    n_routed_experts=3,
    num_experts_per_tok=2,
    moe_intermediate_size=12,
    use_qk_norm=True,
    rope_parameters=rope("default", 1e6, partial_rotary_factor=0.5),
)
PLAIN = rope("default", 1e5)
GEMMA3N_PLAIN = {FULL: rope("default", 1e6), SLIDES: rope("default", 1e3)}
DELTA_PLAIN = {**TINY, **DELTA, "layer_types": [LINEAR, FULL, LINEAR]}
GEMMA4_MOE = dict(enable_moe_block=True, num_experts=3, top_k_experts=2, moe_intermediate_size=10)
CASES = {
    "llama": ("llama", {**OWN, "rope_parameters": LLAMA3, "attention_bias": True, "mlp_bias": True}),
    "mistral": ("mistral", {**OWN, "sliding_window": None, "tie_word_embeddings": False}),
    "mixtral": ("mixtral", {**BASE, "head_dim": 8, "num_local_experts": 3, "tie_word_embeddings": False}),
    "qwen2": ("qwen2", {**BASE, "rope_parameters": rope("default", 1e6)}),
    "qwen3": ("qwen3", OWN),
    "qwen3_moe": ("qwen3_moe", {**OWN, **MOE}),
    "olmoe": ("olmoe", {**BASE, "num_experts": 3, "num_experts_per_tok": 2, "norm_topk_prob": True}),
    "qwen2_moe": ("qwen2_moe", {**BASE, **MOE, "norm_topk_prob": False, "shared_expert_intermediate_size": 12}),
    "glm4_moe": ("glm4_moe", {**OWN, **GLM4_MOE}),
    "gemma": ("gemma", OWN),
    "gemma2": ("gemma2", {**OWN, "sliding_window": 64}),
    "gemma3_text": (
        "gemma3_text",
        {**OWN, "num_hidden_layers": 3, "layer_types": [SLIDES, SLIDES, FULL], "sliding_window": 8},
    ),
    "phi3": ("phi3", {**BASE, "sliding_window": None, "rope_parameters": rope("default", partial_rotary_factor=0.5)}),
    "gpt2": ("gpt2", {**GPT2, **STILL, "n_embd": 32, "n_head": 4}),
    "gpt_neox": ("gpt_neox", {**BASE, **STILL, "intermediate_size": 128, "tie_word_embeddings": False}),
    "olmo2": ("olmo2", {**BASE, "tie_word_embeddings": False}),
    "smollm3": ("smollm3", {**BASE, "use_sliding_window": False, "no_rope_layers": [1, 0], "layer_types": [FULL] * 2}),
    "granite": ("granite", {**BASE, **GRANITE}),
    "starcoder2": ("starcoder2", {**BASE, "sliding_window": None}),
    "cohere": ("cohere", {**BASE, "use_qk_norm": True}),
    "seed_oss": ("seed_oss", {**OWN, "attention_bias": True, "attention_out_bias": True, "mlp_bias": True}),
    "ernie4_5": ("ernie4_5", {**OWN, "use_bias": False}),
    "glm4": ("glm4", {**OWN, "attention_bias": True, "rope_parameters": rope("default", partial_rotary_factor=0.5)}),
    "olmo3": ("olmo3", {**BASE, "layer_types": [SLIDES, FULL], "sliding_window": 8, "tie_word_embeddings": False}),
    "gemma3": (
        "gemma3",
        {
            "text_config": {**TINY, "layer_types": [SLIDES, FULL], "sliding_window": 8},
            "vision_config": SIGLIP,
        },
    ),
    "mistral3": (
        "mistral3",
        {
            "text_config": {**TINY, "model_type": "mistral", "sliding_window": None, "tie_word_embeddings": False},
            "vision_config": PIXTRAL,
            "tie_word_embeddings": False,
        },
    ),
    "granitemoe": ("granitemoe", {**BASE, **GRANITE, "num_local_experts": 3, "num_experts_per_tok": 2}),
    "ernie4_5_moe": (
        "ernie4_5_moe",
        {**OWN, "moe_num_experts": 3, "moe_k": 2, "moe_num_shared_experts": 1, "moe_intermediate_size": 12, "use_bias": False},
    ),
    "gpt_oss": (
        "gpt_oss",
        {**OWN, "num_local_experts": 3, "num_experts_per_tok": 2, "sliding_window": 8, "layer_types": [SLIDES, FULL], "rope_parameters": PLAIN, "tie_word_embeddings": False},
    ),
    "lfm2": ("lfm2", {**BASE, "num_hidden_layers": 3, "layer_types": ["conv", FULL, "conv"], "conv_L_cache": 3, "block_multiple_of": 8}),
    "qwen3_next": (
        "qwen3_next",
        {**DELTA_PLAIN, **MOE, "shared_expert_intermediate_size": 12, "mlp_only_layers": [1]},
    ),
    "qwen3_5_text": ("qwen3_5_text", DELTA_PLAIN),
    "qwen3_5": ("qwen3_5", {"text_config": {**DELTA_PLAIN, "tie_word_embeddings": True}, "vision_config": QWEN_EYE, "tie_word_embeddings": True}),
    "gemma3n_text": ("gemma3n_text", {**TINY, **GEMMA3N, "intermediate_size": 24, "rope_parameters": GEMMA3N_PLAIN}),
    "gemma4_text": ("gemma4_text", {**TINY, **GEMMA4, **GEMMA4_MOE, "num_kv_shared_layers": 2, "hidden_size_per_layer_input": 12}),
    "gemma4": (
        "gemma4",
        {
            "text_config": {**TINY, **GEMMA4, "attention_k_eq_v": True, "num_global_key_value_heads": 1, "hidden_size_per_layer_input": 0},
            "vision_config": GEMMA4_EYE,
            "audio_config": None,
        },
    ),
}
MIXTRAL = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}


def make():
    cases = {}
    for name, (kind, config) in CASES.items():
        config = transformers.AutoConfig.for_model(kind, **config)
        own = parameters(config)
        written = {key: value for key, value in config.to_dict().items() if key not in ("transformers_version", "dtype")}
        cases[name] = {"config": written, "parameters": own, "mlx": mlx(kind, own)}
    path = GOLDENS / "mlx" / "names.json"
    path.parent.mkdir(exist_ok=True)
    body = ",\n".join(f' "{name}": {json.dumps(case)}' for name, case in cases.items())
    path.write_text(f'{{\n "madeWith": {json.dumps(MADE_WITH)},\n{body}\n}}\n', encoding="utf-8")


def parameters(config):
    """Names and shapes as transformers saves them: a tied output layer is not, experts are apart."""
    with torch.device("meta"):
        model = auto_class(config).from_config(config)
    state, own = model.state_dict(), {}
    for name, tensor in state.items():
        if config.tie_word_embeddings and re.fullmatch(r"(lm_head|embed_out)\.weight", name):
            continue
        own.update(apart(name, list(tensor.shape), config.model_type))
    if config.model_type == "gemma3n_text":
        own.update(published_keys(config))
    return own


def published_keys(config):
    """Of layers that read the keys and values of others: published files have them, and mlx-lm wants them."""
    first = config.num_hidden_layers - config.num_kv_shared_layers
    rows = config.num_key_value_heads * config.head_dim
    shapes = {"k_proj": [rows, config.hidden_size], "v_proj": [rows, config.hidden_size], "k_norm": [config.head_dim]}
    return {
        f"model.layers.{layer}.self_attn.{name}.weight": shape
        for layer in range(first, config.num_hidden_layers)
        for name, shape in shapes.items()
    }


def apart(name, shape, kind):
    """transformers 5 holds experts stacked, and saves most of them one by one."""
    if kind in ("gpt_oss", "gemma4", "gemma4_text"):
        return {name: shape}
    name = name.replace(".gate.moe_statics.", ".moe_statics.")
    if kind == "granitemoe":
        return {granite(name): shape}
    found = re.fullmatch(r"(model\.layers\.\d+)\.mlp\.experts\.(gate_up_proj|down_proj)", name)
    if kind == "mixtral":
        if name.endswith(".mlp.gate.weight"):
            return {name.replace(".mlp.", ".block_sparse_moe."): shape}
        if found:
            place, which = found.groups()
            half = [shape[1] // 2, shape[2]]
            parts = {"w1": half, "w3": half} if which == "gate_up_proj" else {"w2": shape[1:]}
            return {f"{place}.block_sparse_moe.experts.{e}.{w}.weight": s for e in range(shape[0]) for w, s in parts.items()}
    if found:
        place, which = found.groups()
        half = [shape[1] // 2, shape[2]]
        parts = {"gate_proj": half, "up_proj": half} if which == "gate_up_proj" else {"down_proj": shape[1:]}
        return {f"{place}.mlp.experts.{e}.{p}.weight": s for e in range(shape[0]) for p, s in parts.items()}
    return {name: shape}


def granite(name):
    names = {"experts.gate_up_proj": "input_linear.weight", "experts.down_proj": "output_linear.weight", "router.weight": "router.layer.weight"}
    for here, saved in names.items():
        name = name.replace(f"block_sparse_moe.{here}", f"block_sparse_moe.{saved}")
    return name


def mlx(kind, own):
    found, stacks = {}, {}
    for name, shape in own.items():
        expert = re.fullmatch(r"(.*)\.experts\.(\d+)\.(\w+)\.weight", name)
        if re.match(r"model\.(visual|vision_tower|embed_vision|multi_modal_projector)\.", name) or name.endswith("e_score_correction_bias") and kind == "ernie4_5_moe":
            continue
        if expert:
            place, _, part = expert.groups()
            stacks.setdefault(f"{place}.switch_mlp.{MIXTRAL.get(part, part)}.weight", []).append(shape)
        elif kind == "gpt2":
            turned = re.search(r"\.(c_attn|c_proj|c_fc)\.weight$", name)
            found[name.replace("transformer.", "model.", 1)] = shape[::-1] if turned else shape
        elif kind == "gpt_neox":
            renamed = name if name.startswith("gpt_neox.") else f"gpt_neox.{name.replace('lm_head', 'embed_out')}"
            found[renamed.replace("gpt_neox.layers.", "model.h.").replace("gpt_neox.", "model.", 1)] = shape
        else:
            found.update(renamed_parts(kind, name, shape))
    for name, shapes in stacks.items():
        found[name] = [len(shapes), *shapes[0]]
    if kind in ("gemma3_text", "glm4", "glm4_moe", "gpt_oss", "qwen2_moe"):
        found.setdefault("lm_head.weight", own["model.embed_tokens.weight"])
    if kind == "gemma3":
        found.setdefault("language_model.lm_head.weight", own["model.language_model.embed_tokens.weight"])
    return found


def renamed_parts(kind, name, shape):
    if kind == "granitemoe" and "_linear.weight" in name:
        place = re.sub(r"\w+_linear\.weight$", "switch_mlp", name)
        return halves(place, shape) if "input_linear" in name else {f"{place}.down_proj.weight": shape}
    if kind == "gpt_oss" and ".experts." in name:  # published as [experts, out, in], here as [experts, in, out]
        place, part = name.rsplit(".", 1)
        if part.endswith("_bias"):
            half = [shape[0], shape[1] // 2]
            return {f"{place}.{p}.bias": half for p in ("gate_proj", "up_proj")} if "gate" in part else {f"{place}.down_proj.bias": shape}
        turned = [shape[0], shape[2], shape[1]]
        return halves(place, turned) if "gate" in part else {f"{place}.down_proj.weight": turned}
    if kind.startswith("gemma4") and ".experts." in name:
        place = name.rsplit(".", 1)[0] + ".switch_glu"
        return halves(place, shape) if "gate_up" in name else {f"{place}.down_proj.weight": shape}
    if re.search(r"\.conv(1d)?\.weight$", name):
        shape = [shape[0], shape[2], shape[1]]
    if kind == "qwen3_5_text":
        name = f"language_model.{name}"
    if kind == "gemma3n_text":
        name = name.replace("model.", "model.language_model.", 1)
    if kind in ("qwen3_5", "gemma3", "gemma4", "mistral3"):
        name = name.replace("model.language_model.", "language_model.model.", 1) if name.startswith("model.") else f"language_model.{name}"
    return {name: shape}


def halves(place, shape):
    return {f"{place}.{part}.weight": [shape[0], shape[1] // 2, shape[2]] for part in ("gate_proj", "up_proj")}
