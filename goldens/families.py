"""The other families and rope types: tiny random models, the logits of transformers, 20 steps of LoRA by PEFT."""

import copy
import math
import tempfile

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

from lib import GOLDENS, MADE_WITH, fresh, generator, load, logits_of, readable, read_json, save_json, save_tensors
from tokens import write_tokens
from training import SETTINGS, load_trainable, relative_difference, report, strip, train

FAMILIES = GOLDENS / "families"
VOCAB, LENGTH, EOS, PAD = 320, 32, 319, 317
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
}


def make():
    examples = write_tokens("chat", SETTINGS["maxLength"])
    for name, (kind, config, moves, targets) in CASES.items():
        directory = fresh(FAMILIES / name)
        make_model(name, directory, transformers.AutoConfig.for_model(kind, **config), moves)
        if targets:
            make_training(name, directory, targets, examples)
        readable(directory)


def make_model(name, directory, config, moves):
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
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
    """Norms about their start (1, or Gemma's 0), biases about 0, attention and logits sharp."""
    start = {}
    for module_name, module in model.named_modules():
        if "Norm" in type(module).__name__ and hasattr(module, "weight"):
            start[f"{module_name}.weight"] = module.weight.mean().round().item()
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=g)
        part = name.split(".")[-2]
        if name in start:
            p.copy_(start[name] + 0.2 * noise)
        elif name.endswith(".bias"):
            p.copy_(0.1 * noise)
        elif part in ("embed_tokens", "embed_in", "wte", "wpe"):
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
    kind = config["model_type"]
    parameters = config.pop("rope_parameters", None)
    if kind == "gemma3_text":
        full = parameters[FULL]
        config["rope_theta"], config["rope_local_base_freq"] = full.pop("rope_theta"), parameters[SLIDES]["rope_theta"]
        config["rope_scaling"] = full
        config["sliding_window_pattern"] = 3
        del config["layer_types"], config["_sliding_window_pattern"]
    elif parameters:
        spell_rope(config, kind, parameters)
    if kind in ("gemma2", "smollm3"):
        config.pop("layer_types")
    if kind == "qwen3":
        config.pop("layer_types")
        config["max_window_layers"] = 1
    if kind == "qwen3_moe":
        config["num_experts"] = config.pop("num_local_experts")
    if config.get("head_dim", 0) is None:
        config.pop("head_dim")
    return dict(sorted(config.items()))


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
    for field, other in moves.items():
        try:
            moved = (logits - relogits(directory, {**written, field: other}, input_ids)).abs().max().item()
        except RuntimeError:
            continue  # other shapes: that is as good
        assert moved > 0.05, f"{name}: {field} = {other} moves the logits by {moved} only"


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
