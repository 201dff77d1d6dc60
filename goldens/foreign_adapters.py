"""Adapters as PEFT writes them in its less usual ways, and as others name their tensors: what PEFT computes and trains.

Two tiny bases, one with tied ends. Where a case says `resized`, the ends are written along, as after
resize_token_embeddings, and differ from the base's files: who leaves them out computes something else.
"""

import json
import shutil

import torch
from peft import IA3Config, LoraConfig, PeftModel, VeraConfig, get_peft_model, get_peft_model_state_dict
from peft.utils.save_and_load import set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

from adapters import optimizer_of
from lib import GOLDENS, MADE_WITH, fresh, generator, load, logits_of, readable, save_examples, save_json, save_tensors
from training import loss_of, strip

FOREIGN = GOLDENS / "foreign"
SIZES = dict(
    vocab_size=48,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    max_position_embeddings=64,
    bos_token_id=None,
    eos_token_id=1,
)
BASES = {"tied": Qwen2Config(tie_word_embeddings=True, **SIZES), "untied": LlamaConfig(tie_word_embeddings=False, **SIZES)}
STEPS, RATE = 5, 2e-3
ENDS = ["embed_tokens", "lm_head"]


def named(key, name):
    """A key of the file as it is in the model: with the adapter's name."""
    for part in ("lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector", "ia3_l"):
        key = key.replace(f".{part}", f".{part}.{name}")
    for part in ("vera_lambda_b", "vera_lambda_d", "vera_A", "vera_B"):
        key = key.replace(f".{part}", f".{part}.{name}")
    return key + ".weight" if key.endswith(f"lora_magnitude_vector.{name}") else key


# name -> base, whether the ends are written along, settings, and how the file's keys are renamed
CASES = {
    "resized-tied": ("tied", True, {}, None),
    "resized-untied": ("untied", True, {}, None),
    "resized-ia3": ("tied", True, dict(kind="ia3", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]), None),
    "resized-lora-embed": ("tied", True, dict(target_modules=["q_proj", "embed_tokens"]), None),
    "resized-dora-ends": ("untied", True, dict(target_modules=["q_proj", *ENDS], use_dora=True), None),
    "saved-ends": ("untied", True, dict(modules_to_save=ENDS), None),
    "saved-embed-tied": ("tied", True, dict(modules_to_save=["embed_tokens"]), None),
    "saved-head-tied": ("tied", True, dict(modules_to_save=["lm_head"]), None),
    "rows-tied": ("tied", True, dict(trainable_token_indices=[40, 41, 47]), None),
    "rows-untied": ("untied", True, dict(trainable_token_indices={"embed_tokens": [40, 41], "lm_head": [41]}), None),
    "rows-both-tied": ("tied", False, dict(trainable_token_indices={"embed_tokens": [40, 41], "lm_head": [40, 41]}), None),
    "rows-unlike-tied": ("tied", True, dict(trainable_token_indices={"embed_tokens": [40, 41], "lm_head": [3]}), None),
    "rows-head-tied": ("tied", False, dict(trainable_token_indices={"lm_head": [3, 5]}), None),
    "tying-nothing": ("untied", False, dict(ensure_weight_tying=True), None),
    "tying-norm": ("tied", False, dict(ensure_weight_tying=True, modules_to_save=["norm"]), None),
    "tying-saved": ("tied", False, dict(ensure_weight_tying=True, modules_to_save=["embed_tokens"]), None),
    "tying-saved-head": ("tied", True, dict(ensure_weight_tying=True, modules_to_save=["lm_head"]), None),
    "tying-untied": ("untied", True, dict(ensure_weight_tying=True, modules_to_save=["embed_tokens"]), None),
    "tying-rows": ("tied", False, dict(ensure_weight_tying=True, trainable_token_indices=[40, 41]), None),
    "tying-lora": ("tied", True, dict(ensure_weight_tying=True, target_modules=["q_proj", "embed_tokens"]), None),
    "tying-lora-head": ("tied", False, dict(ensure_weight_tying=True, target_modules="(.*q_proj|lm_head)"), None),
    "named": ("untied", False, dict(), "default"),
    "named-all": (
        "untied",
        True,
        dict(target_modules=["q_proj", "v_proj", "up_proj", "embed_tokens"], use_dora=True, use_rslora=True, rank_pattern={"v_proj": 2}, alpha_pattern={"up_proj": 5}, exclude_modules=["layers.1.mlp.up_proj"]),
        "my_adapter",
    ),
    "named-ia3": ("tied", False, dict(kind="ia3", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"], modules_to_save=["norm"]), "default"),
    "named-vera": ("untied", False, dict(kind="vera", target_modules=["q_proj", "v_proj"]), "default"),
    "magnitude-weight": ("untied", False, dict(use_dora=True), ".weight"),
    "default-targets": ("tied", False, dict(target_modules=None), None),
    "default-targets-ia3": ("tied", False, dict(kind="ia3", target_modules=None), None),
    "default-targets-vera": ("untied", False, dict(kind="vera", target_modules=None), None),
}
# PEFT trains each end's view of the same numbers with moments of its own.
UNTRAINED = ("tying-lora", "tying-lora-head")


def make():
    fresh(FOREIGN)
    for name, config in BASES.items():
        make_base(name, config)
    examples = [
        dict(row=n - 9, input_ids=torch.randint(2, 48, (n,), generator=generator("foreign", n)).tolist(), label_mask=[0] + [1] * (n - 1))
        for n in range(9, 17)
    ]
    save_examples(FOREIGN / "examples.json", {"vocab": SIZES["vocab_size"]}, examples)
    for name, (base, resized, changes, keys) in CASES.items():
        make_case(name, base, resized, changes, keys, examples)
    readable(FOREIGN)


def make_base(name, config):
    model = AutoModelForCausalLM.from_config(config)
    g = generator("foreign", name)
    with torch.no_grad():
        for key, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=g)
            p.copy_(1 + 0.2 * noise if "norm" in key else (0.1 if key.endswith("bias") else 0.3) * noise)
    model.save_pretrained(FOREIGN / name)
    strip(FOREIGN)


def config_of(kind="lora", **changes):
    own = dict(target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    if kind == "ia3":
        return IA3Config(**{**own, **changes})
    if kind == "vera":
        return VeraConfig(**{**own, "r": 6, **changes})
    return LoraConfig(**{**own, "r": 4, "lora_alpha": 8, **changes})


def make_case(name, base, resized, changes, keys, examples):
    directory = FOREIGN / name
    write_adapter(directory / "adapter", base, resized, changes, generator("foreign", name))
    if keys:
        rename(directory / "adapter" / "adapter_model.safetensors", keys)
    if "targets" in name:  # as a config that was never used says it
        rewrite_config(directory / "adapter" / "adapter_config.json", target_modules=None, **({"feedforward_modules": None} if "ia3" in name else {}))
    adapter_name = keys if keys and not keys.startswith(".") else "default"
    model = PeftModel.from_pretrained(load(FOREIGN / base), directory / "adapter", adapter_name=adapter_name, is_trainable=True)
    stored = load_file(directory / "adapter" / "adapter_model.safetensors")
    arrives = loadable(model, adapter_name)
    if not keys:
        assert {k for k in arrives if k in stored} >= set(get_peft_model_state_dict(model, adapter_name=adapter_name, save_embedding_layers=False))
    input_ids = torch.randint(0, 48, (1, 20), generator=generator("foreign logits", name))
    input_ids[0, 3:6] = torch.tensor([40, 41, 3])
    before = logits_of(model.eval(), input_ids)[0]
    assert (before - logits_of(load(FOREIGN / base), input_ids)[0]).abs().max() > 0.05
    case = {"model": str(FOREIGN / base), "learningRate": RATE, "loadable": sorted(arrives)}
    tensors = {"input_ids": input_ids, "logits": before}
    case["needed"] = sorted(get_peft_model_state_dict(model, adapter_name=adapter_name, save_embedding_layers=False))
    case["losses"] = train(model.train(), examples)
    if name in UNTRAINED:
        case["losses"] = case["losses"][:1]
    else:
        tensors["trained_logits"] = logits_of(model.eval(), input_ids)[0]
    save_json(directory / "case.json", {**case, **MADE_WITH})
    save_tensors(directory / "logits.safetensors", tensors)
    shutil.rmtree(directory / "adapter" / "__pycache__", ignore_errors=True)
    print(f"  {name}: {len(stored)} tensors, losses {case['losses'][0]:.4f} -> {case['losses'][-1]:.4f}")


def write_adapter(directory, base, resized, changes, g):
    model = get_peft_model(load(FOREIGN / base), config_of(**changes))
    with torch.no_grad():
        for key, p in model.named_parameters():
            if p.requires_grad or (resized and any(end in key for end in ENDS) and "magnitude" not in key):
                p.add_(0.2 * torch.randn(p.shape, generator=g))
    model.save_pretrained(directory, save_embedding_layers=resized)
    (directory / "README.md").unlink()


def rename(path, keys):
    tensors = load_file(path)
    if keys == ".weight":
        renamed = {key + ".weight" if key.endswith("lora_magnitude_vector") else key: t for key, t in tensors.items()}
    else:
        renamed = {named(key, keys): t for key, t in tensors.items()}
    assert renamed.keys() != tensors.keys()
    save_tensors(path, renamed)


def rewrite_config(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}, indent=2, sort_keys=True))


def loadable(model, adapter_name):
    """Keys of files that PEFT puts into this model."""
    everything = get_peft_model_state_dict(model, adapter_name=adapter_name, save_embedding_layers=True)
    state = {key: torch.clone(t) for key, t in everything.items()}
    unexpected = set_peft_model_state_dict(model, state, adapter_name=adapter_name).unexpected_keys
    return {key for key in everything if key not in unexpected}


def train(model, examples):
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    optimizer = optimizer_of(model, trained, {})
    losses = []
    for step in range(STEPS):
        batch = examples[(4 * step) % 8 :][:4]
        loss = sum(loss_of(model, e) for e in batch) / sum(sum(e["label_mask"]) for e in batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0, foreach=False)
        for group in optimizer.param_groups:
            group["lr"] = RATE
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses
