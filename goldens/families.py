"""The other families and rope types: tiny random models, the logits of transformers, 20 steps of LoRA by PEFT."""

import copy
import math
import tempfile

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

from lib import GOLDENS, MADE_WITH, auto_class, fresh, generator, load, logits_of, readable, read_json, save_json, save_tensors
from tokens import write_tokens
from family_cases import CASES, EOS, FULL, PAD, SLIDES, VOCAB, guess
from training import SETTINGS, load_trainable, relative_difference, report, strip, train

FAMILIES = GOLDENS / "families"
LENGTH = 32
def make(*names):
    """`names`: of CASES, or model types; all of CASES when left out."""
    examples = write_tokens("chat", SETTINGS["maxLength"])
    for name in names or CASES:
        kind, config, moves, targets = CASES.get(name) or guess(name)
        directory = fresh(FAMILIES / name)
        make_model(name, directory, transformers.AutoConfig.for_model(kind, **config), moves)
        if targets:
            make_training(name, directory, targets, examples)
        readable(directory)


def make_model(name, directory, config, moves):
    model = auto_class(config).from_config(config, attn_implementation="eager")
    fill(model, generator("family", name))
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    input_ids = torch.randint(0, VOCAB, (1, LENGTH), generator=generator("family input_ids", name))
    logits = logits_of(load(directory), input_ids)[0]
    written = read_json(directory / "config.json")
    old = config_v4(written)
    save_json(directory / "config.v4.json", old)
    check(name, directory, input_ids, logits, written, old, moves)
    save_tensors(directory / "logits.safetensors", {"input_ids": input_ids, "logits": logits})
    save_json(directory / "golden.json", {"largestLogit": logits.abs().max().item(), **MADE_WITH})
    print(f"  {name}: largest logit {logits.abs().max().item():.1f}", flush=True)


@torch.no_grad()
def fill(model, g):
    """Norms about their start (1, or Gemma's and Nemotron's 0), biases about 0, attention and logits sharp."""
    start = {}
    for module_name, module in model.named_modules():
        if "Norm" in type(module).__name__ and hasattr(module, "weight"):
            start[f"{module_name}.weight"] = module.weight.mean().round().item() - ("1P" in type(module).__name__)
            if type(module).__name__ in ("Gemma3nRMSNorm", "Gemma4RMSNorm", "Gemma4UnifiedRMSNorm") and module_name.endswith("q_norm"):
                start[f"{module_name}.weight"] = 0.5  # scores aren't scaled
    corrections = [(name, p) for name, p in model.named_buffers() if "correction" in name or name.endswith("layer_scalar")]
    for name, p in [*model.named_parameters(), *corrections]:
        noise = torch.randn(p.shape, generator=g)
        part = name.split(".")[-2]
        if name in start:
            p.copy_(start[name] + 0.2 * noise)
        elif name.endswith(("layer_scalar", "router.scale", "per_expert_scale", "correct_output_scale")):
            p.copy_(1 + 0.2 * noise)
        elif name.endswith(".gate_up_proj_bias"):
            p.copy_(5 * noise)  # beyond GPT-OSS's limit
        elif name.endswith((".bias", "correction_bias")):
            p.copy_(0.1 * noise)
        elif part in ("embed_tokens", "embed_in", "word_embeddings", "wte", "wpe"):
            p.copy_(2.5 * noise / p.shape[1] ** 0.5)
        else:
            inputs = p.shape[0] if "Conv1D" in str(type(model.get_submodule(name.rpartition(".")[0]))) else p.shape[-1]
            p.copy_(GAINS.get(part, 1.0) * noise / inputs**0.5)


GAINS = {"q_proj": 1.6, "k_proj": 1.6, "qkv_proj": 1.5, "query_key_value": 1.5, "c_attn": 1.5, "lm_head": 2.5, "embed_out": 2.5}


def config_v4(written):
    """The same config as transformers 4 spelled it."""
    config = copy.deepcopy(written)
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.45.2"
    if "text_config" in config:
        config["text_config"] = text_config_v4(config["text_config"])
        return dict(sorted(config.items()))
    return text_config_v4(config)


def text_config_v4(config):
    kind = config["model_type"]
    if kind in ("gemma4_text", "gemma4_unified_text"):
        return dict(sorted(spell_layers(config).items()))
    parameters = config.pop("rope_parameters", None)
    if kind in ("gemma3_text", "gemma3n_text", "olmo3"):
        full = parameters[FULL]
        config["rope_theta"] = full.pop("rope_theta")
        config["rope_scaling"] = None if full["rope_type"] == "default" else full
    elif parameters:
        spell_rope(config, kind, parameters)
    if kind in ("gemma3_text", "gemma3n_text"):
        config["rope_local_base_freq"] = parameters[SLIDES]["rope_theta"]
    if kind == "gemma3_text":
        config["sliding_window_pattern"] = len(config.pop("layer_types"))
        del config["_sliding_window_pattern"]
    if kind in ("gemma2", "smollm3", "qwen3", "cwm", "vaultgemma") or (kind == "exaone4" and config["sliding_window"]):
        config.pop("layer_types")
    if kind == "qwen3":
        config["max_window_layers"] = 1
    if kind == "cohere2":
        config["sliding_window_pattern"] = len(config.pop("layer_types"))
    if kind == "granitemoehybrid":
        config["layer_types"] = ["attention"] * len(config["layer_types"])
    if kind == "lfm2":
        config["full_attn_idxs"] = [i for i, layer in enumerate(config.pop("layer_types")) if layer == FULL]
        config["tie_embedding"] = config.pop("tie_word_embeddings")
        config["block_ff_dim"] = config.pop("intermediate_size")
    if kind in ("qwen3_next", "qwen3_5_text"):
        config["full_attention_interval"] = 2
        del config["layer_types"]
    if kind == "qwen3_moe":
        config["num_experts"] = config.pop("num_local_experts")
    if config.get("head_dim", 0) is None:
        config.pop("head_dim")
    return dict(sorted(config.items()))


def spell_layers(config):
    """Gemma 4's sizes of layers that see all, as its first files have them."""
    own = [*config.pop("per_layer_config", {}).values()][0]
    config["global_head_dim"] = own.get("head_dim", config["head_dim"])
    config["num_global_key_value_heads"] = own.get("num_key_value_heads")
    return config


def spell_rope(config, kind, parameters):
    theta, part = parameters.pop("rope_theta"), parameters.pop("partial_rotary_factor", None)
    if kind == "gpt_neox":
        config["rotary_emb_base"], config["rotary_pct"] = theta, part
    else:
        config["rope_theta"] = theta
        if part is not None:
            config["partial_rotary_factor"] = part
    type_key = "type" if kind == "phi3" else "rope_type"
    scaling = {type_key: parameters.pop("rope_type"), **parameters}
    config["rope_scaling"] = None if scaling[type_key] == "default" else scaling


def check(name, directory, input_ids, logits, written, old, moves):
    """A golden that no fault can move is none."""
    assert torch.equal(logits, relogits(directory, old, input_ids)), f"{name}: config.v4.json gives other logits"
    text = moves.get("text_config")
    changes = [{"text_config": {**written["text_config"], k: v}} for k, v in text.items()] if text else [{k: v} for k, v in moves.items()]
    for change in changes:
        try:
            moved = (logits - relogits(directory, {**written, **change}, input_ids)).abs().max().item()
        except RuntimeError:
            continue  # other shapes: that is as good
        assert moved > 0.05, f"{name}: {change} moves the logits by {moved} only"


def relogits(directory, config, input_ids):
    with tempfile.TemporaryDirectory() as scratch:
        for path in directory.glob("model*.safetensors*"):
            (type(path)(scratch) / path.name).write_bytes(path.read_bytes())
        save_json(f"{scratch}/config.json", config)
        return logits_of(load(scratch), input_ids)[0]


def make_training(name, directory, targets, examples_path):
    """initial/, metrics.json, gradients.safetensors and case.json as in training/."""
    examples = read_json(examples_path)["examples"]
    write_initial_adapter(directory / "initial", directory, targets, generator("family adapter", name))
    model = load_trainable(directory, directory, torch.float32)
    metrics, gradients = train(model, examples, SETTINGS)
    exact, _ = train(load_trainable(directory, directory, torch.float64), examples, SETTINGS)
    strip(directory)
    save_json(directory / "metrics.json", metrics)
    save_tensors(directory / "gradients.safetensors", gradients)
    head = {"model": str(directory), "examples": str(examples_path), "settings": SETTINGS}
    noise = {key: relative_difference(metrics, exact, key) for key in ("loss", "gradNorm")}
    save_json(directory / "case.json", {**head, "float32Noise": noise, **MADE_WITH})
    report(name, metrics, noise)


def write_initial_adapter(directory, model_directory, targets, g):
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM")
    model = get_peft_model(load(model_directory), config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_A" in name:
                p.copy_((torch.rand(p.shape, generator=g) * 2 - 1) / math.sqrt(p.shape[1]))
            if "lora_B" in name:  # not zero, so that A has a gradient in the first step
                p.copy_(torch.randn(p.shape, generator=g) * 0.1)
    model.save_pretrained(directory)
