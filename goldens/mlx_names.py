"""Names and shapes of parameters: transformers', and those that mlx-lm's models have after its `sanitize`.

mlx-lm itself does not run here: its rules (mlx_lm/models/<model_type>.py at ml-explore/mlx-lm) are written down below. Linear
layers are [out, in]; experts are stacked by mlx's SwitchGLU as [experts, out, in]; a tied output layer is left out but in
gemma3_text, gpt_neox, glm4_moe and qwen2_moe, which have a linear layer of their own.
"""

import json
import re

import torch
import transformers

from family_cases import DERIVED, FULL, GPT2, GRANITE, MOE, SLIDES, SMALL, STILL, rope
from lib import GOLDENS, MADE_WITH

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
        model = transformers.AutoModelForCausalLM.from_config(config)
    state, own = model.state_dict(), {}
    for name, tensor in state.items():
        if config.tie_word_embeddings and re.fullmatch(r"(lm_head|embed_out)\.weight", name):
            continue
        own.update(apart(name, list(tensor.shape), config.model_type))
    return own


def apart(name, shape, kind):
    """transformers 5 holds experts stacked, and saves them one by one."""
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


def mlx(kind, own):
    found, stacks = {}, {}
    for name, shape in own.items():
        expert = re.fullmatch(r"(.*)\.experts\.(\d+)\.(\w+)\.weight", name)
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
            found[name] = shape
    for name, shapes in stacks.items():
        found[name] = [len(shapes), *shapes[0]]
    if kind in ("gemma3_text", "glm4_moe", "qwen2_moe"):
        found.setdefault("lm_head.weight", own["model.embed_tokens.weight"])
    return found
