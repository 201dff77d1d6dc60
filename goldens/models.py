"""Tiny random models of every family and config variant, with the logits transformers computes from them."""

import json
import tempfile

import torch
import transformers
from transformers import LlamaConfig, MistralConfig, Qwen2Config

from lib import GOLDENS, MADE_WITH, MODELS, fresh, generator, load, logits_of, readable, save_json, save_tensors
from tokenizer import train_tokenizer

VOCAB, LENGTH = 320, 40
DEFAULT_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
SMALL = dict(
    vocab_size=VOCAB,
    hidden_size=32,
    intermediate_size=72,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
    rope_parameters=DEFAULT_ROPE,
    bos_token_id=None,
)
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LINEAR_ROPE = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}
BIASED = dict(attention_bias=True, mlp_bias=True, head_dim=12, tie_word_embeddings=True)
QWEN = dict(rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})

# name -> config class, what differs from SMALL, and how the file is written
CASES = {
    "llama-gqa": (LlamaConfig, dict(num_hidden_layers=3, rms_norm_eps=1e-5), {}),
    "llama3-rope": (LlamaConfig, dict(num_attention_heads=2, num_key_value_heads=1, rope_parameters=LLAMA3_ROPE), {}),
    "llama-linear-rope": (LlamaConfig, dict(num_key_value_heads=4, rope_parameters=LINEAR_ROPE), {}),
    "llama-bias": (LlamaConfig, BIASED, {}),
    "llama-bf16": (LlamaConfig, dict(hidden_size=48, intermediate_size=120), {"dtype": torch.bfloat16}),
    "llama-sharded": (LlamaConfig, dict(num_key_value_heads=1), {"max_shard_size": "60KB"}),
    "mistral-window": (MistralConfig, dict(sliding_window=8, head_dim=16), {}),
    "mistral-plain": (MistralConfig, dict(sliding_window=None), {}),
    "qwen2-tied": (Qwen2Config, dict(QWEN, tie_word_embeddings=True), {}),
    "qwen2-untied": (Qwen2Config, dict(QWEN, tie_word_embeddings=False, num_key_value_heads=1), {}),
}


def make():
    corpus = (GOLDENS / "data" / "corpus.txt").read_text(encoding="utf-8").splitlines()
    tokenizer = train_tokenizer(corpus, VOCAB)
    assert len(tokenizer) == VOCAB
    for name, (config_class, changes, saving) in CASES.items():
        make_model(name, config_class(**{**SMALL, **changes}), tokenizer, **saving)


def make_model(name, config, tokenizer, dtype=torch.float32, max_shard_size="5GB"):
    directory = fresh(MODELS / name)
    config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    fill(model, generator("model", name), tokenizer.eos_token_id)
    model.to(dtype)
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=False
    )
    model.save_pretrained(directory, max_shard_size=max_shard_size)
    tokenizer.save_pretrained(directory)
    save_json(directory / "config.v4.json", config_v4(directory))
    input_ids = torch.randint(0, VOCAB, (2, LENGTH), generator=generator("input_ids", name))
    logits, hidden = logits_of(load(directory), input_ids)
    check(name, directory, input_ids, logits)
    save_tensors(directory / "logits.safetensors", {"input_ids": input_ids, "logits": logits, "hidden": hidden})
    save_json(directory / "golden.json", {"largestLogit": logits.abs().max().item(), **MADE_WITH})
    readable(directory)


@torch.no_grad()
def fill(model, g, eos):
    """Norms about 1, biases about 0, attention and logits sharp enough that a fault moves them."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=g)
        if name.endswith("norm.weight"):
            p.copy_(1 + 0.2 * noise)
        elif name.endswith(".bias"):
            p.copy_(0.1 * noise)
        elif name.endswith("embed_tokens.weight"):
            p.copy_(noise if not model.config.tie_word_embeddings else 2.5 * noise / p.shape[1] ** 0.5)
        else:
            p.copy_(GAINS.get(name.split(".")[-2], 1.0) * noise / p.shape[1] ** 0.5)
    model.get_output_embeddings().weight[eos] *= 1.5  # so that greedy decoding ends now and then


GAINS = {"q_proj": 1.6, "k_proj": 1.6, "lm_head": 2.5}


def config_v4(directory):
    """The same config as transformers 4 spells it."""
    config = json.loads((directory / "config.json").read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    kind = rope.pop("rope_type")
    # transformers before 4.43 called the kind "type"; linear scaling is as old as that.
    spelled = {"default": None, "linear": {"type": kind, **rope}, "llama3": {"rope_type": kind, **rope}}
    config["rope_scaling"] = spelled[kind]
    config["torch_dtype"] = config.pop("dtype")
    config.pop("layer_types", None)
    if config.get("head_dim") == config["hidden_size"] // config["num_attention_heads"]:
        config.pop("head_dim")  # transformers 4 wrote it only where it was given
    if config["model_type"] == "qwen2":
        config["sliding_window"] = 8  # as Qwen's own files do; use_sliding_window says false
    config["transformers_version"] = "4.45.2"
    return dict(sorted(config.items()))


def check(name, directory, input_ids, logits):
    """A golden that no fault can move is none."""
    config = json.loads((directory / "config.json").read_text())
    v4 = json.loads((directory / "config.v4.json").read_text())
    assert torch.equal(logits, relogits(directory, v4, input_ids)), f"{name}: config.v4.json gives other logits"
    for field, plain in {"rope_parameters": DEFAULT_ROPE, "sliding_window": None}.items():
        if config.get(field) and config[field] != plain:
            moved = (logits - relogits(directory, {**config, field: plain}, input_ids)).abs().max().item()
            assert moved > 0.1, f"{name}: {field} moves the logits by {moved} only"
    assert (directory / "config.json").stat().st_size < 3000


def relogits(directory, config, input_ids):
    with tempfile.TemporaryDirectory() as scratch:
        for path in directory.glob("model*.safetensors*"):
            (type(path)(scratch) / path.name).write_bytes(path.read_bytes())
        save_json(f"{scratch}/config.json", config)
        return logits_of(load(scratch), input_ids)[0]
