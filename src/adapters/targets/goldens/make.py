"""Golden of src/adapters/targets: which modules PEFT adapts. Run in this folder (made with torch 2.13.0, transformers 5.18.0, peft 0.21.0).

target_modules.json   for two Llama models: its linear layers, and for each `target_modules` what PEFT adapts and saves
default_targets.json  what PEFT adapts where target_modules is null, by kind of adapter and model_type
"""

import json

import torch
import transformers
from peft import LoraConfig, get_peft_model
from peft.utils import constants

TARGETS = [
    ["q_proj"],
    ["q_proj", "v_proj"],
    ["self_attn.q_proj"],
    ["model.layers.1.mlp.down_proj"],
    ["1.mlp.up_proj", "o_proj"],
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    r".*\.(q|v)_proj",
    r"model\.layers\.0\..*(up|down)_proj",
    r".*layers\.[1-9]\d*\.self_attn\.\w+",
    r"(?P<stem>.*)k_proj",
    r".*_proj|lm_head",
    "all-linear",
    "ALL-Linear",
]


def tiny(layers):
    config = transformers.LlamaConfig(
        vocab_size=8, hidden_size=4, intermediate_size=4, num_hidden_layers=layers, num_attention_heads=2
    )
    return transformers.LlamaForCausalLM(config)


def adapted(layers, target_modules):
    model = get_peft_model(tiny(layers), LoraConfig(r=1, target_modules=target_modules))
    names = [n.removesuffix(".lora_A.default.weight") for n, _ in model.named_parameters() if ".lora_A." in n]
    saved = model.peft_config["default"].target_modules
    return {
        "targetModules": target_modules,
        "adapted": [name.removeprefix("base_model.model.") for name in names],
        "saved": saved if isinstance(saved, str) else sorted(saved),
    }


def case(layers):
    linear = [name for name, module in tiny(layers).named_modules() if isinstance(module, torch.nn.Linear)]
    return {"linear": linear, "targets": [adapted(layers, target) for target in TARGETS]}


with open("target_modules.json", "w") as file:
    json.dump([case(2), case(3)], file, indent=1)
    file.write("\n")

DEFAULTS = {
    "lora": constants.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING,
    "ia3": constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING,
    "ia3 feedforward": constants.TRANSFORMERS_MODELS_TO_IA3_FEEDFORWARD_MODULES_MAPPING,
    "vera": constants.TRANSFORMERS_MODELS_TO_VERA_TARGET_MODULES_MAPPING,
}
with open("default_targets.json", "w") as file:
    json.dump(DEFAULTS, file, indent=1)
    file.write("\n")
