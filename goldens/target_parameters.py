"""LoRA on the parameters of mixtures' experts (PEFT's target_parameters): 20 steps, the finished adapter, its logits, its merge."""

import math
import re

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from families import LENGTH
from family_cases import VOCAB
from lib import GOLDENS, MADE_WITH, fresh, generator, load, logits_of, readable, read_json, save_json, save_tensors
from tokens import write_tokens
from training import SETTINGS, load_trainable, relative_difference, report, strip, train

DIRECTORY = GOLDENS / "target_parameters"
BOTH = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
CASES = {  # model, target_modules, target_parameters, more
    "gpt_oss": ("families/gpt_oss", ["q_proj", "v_proj"], BOTH, {}),
    "gpt_oss-down": ("families/gpt_oss", [], ["experts.down_proj"], {"use_rslora": True}),
    "mxfp4": ("mxfp4", [], BOTH, {"rank_pattern": {r".*\.gate_up_proj": 3}, "alpha_pattern": {r".*\.gate_up_proj": 5}}),
    "mixtral": ("families/mixtral", ["o_proj"], BOTH, {}),
    "granitemoe": ("families/granitemoe", [], ["block_sparse_moe.experts.gate_up_proj", "experts.down_proj"], {}),
    "qwen3_moe": ("families/qwen3_moe", [], ["experts.gate_up_proj"], {}),
    "qwen2_moe": ("families/qwen2_moe", ["v_proj"], BOTH, {}),
    "olmoe": ("families/olmoe", [], BOTH, {}),
    "qwen3_next": ("families/qwen3_next", [], BOTH, {}),
    "glm4_moe": ("families/glm4_moe", [], BOTH, {}),
    "ernie4_5_moe": ("families/ernie4_5_moe", [], BOTH, {}),
    "deepseek_v2": ("families/deepseek_v2", ["kv_b_proj"], BOTH, {}),
    "deepseek_v3": ("families/deepseek_v3", [], BOTH, {}),
    "gemma4_text-experts": ("families/gemma4_text-experts", [], ["experts.gate_up_proj", "experts.down_proj"], {}),
}


def make(*names):
    examples = write_tokens("chat", SETTINGS["maxLength"])
    for name in names or CASES:
        make_case(name, fresh(DIRECTORY / name), examples, *CASES[name])


def make_case(name, directory, examples_path, model, modules, parameters, more):
    examples = read_json(examples_path)["examples"]
    base = GOLDENS / model
    write_initial(directory / "initial", base, modules, parameters, more, generator("target_parameters", name))
    trained = trainable(base, directory)
    metrics, _ = train(trained, examples, SETTINGS)
    exact, _ = train(trainable(base, directory).double(), examples, SETTINGS)
    trained.save_pretrained(directory / "final")
    for saved in ("initial", "final"):
        (directory / saved / "README.md").unlink(missing_ok=True)
    save_json(directory / "metrics.json", metrics)
    noise = {key: relative_difference(metrics, exact, key) for key in ("loss", "gradNorm")}
    save_json(directory / "case.json", {"model": str(base), "examples": str(examples_path), "settings": SETTINGS, "float32Noise": noise, **MADE_WITH})
    report(name, metrics, noise)
    input_ids = torch.randint(0, VOCAB, (1, LENGTH), generator=generator("target_parameters input_ids", name))
    tuned = PeftModel.from_pretrained(load(base).float(), directory / "final").eval()
    logits = logits_of(tuned, input_ids)[0]
    save_tensors(directory / "logits.safetensors", {"input_ids": input_ids, "logits": logits})
    merged = tuned.merge_and_unload().state_dict()
    save_tensors(directory / "merged.safetensors", {name: t for name, t in merged.items() if re.search(r"layers.1.*experts.(gate_up|down)_proj$", name)})
    readable(directory)


def trainable(base, directory):
    return PeftModel.from_pretrained(load(base).float(), directory / "initial", is_trainable=True).float()


def write_initial(directory, base, modules, parameters, more, g):
    config = LoraConfig(r=2, lora_alpha=6, lora_dropout=0.0, target_modules=modules, target_parameters=parameters, task_type="CAUSAL_LM", **more)
    model = get_peft_model(load(base).float(), config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_A" in name:
                p.copy_((torch.rand(p.shape, generator=g) * 2 - 1) / math.sqrt(p.shape[1]))
            if "lora_B" in name:  # not zero, so that A has a gradient in the first step
                p.copy_(torch.randn(p.shape, generator=g) * 0.1)
    model.save_pretrained(directory)
