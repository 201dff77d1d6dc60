"""Tied models whose files hold an output layer of their own, and tensors by other names: what transformers makes of them.

No weights are written: each model is a golden of `models/` or `families/` whose output layer is its embedding, rolled by
one row. `logits.safetensors` has, by that golden's path, the logits [T / 8, V] at every eighth place of its first sequence;
`losses.json` 20 steps of training on one of them.
"""

import shutil
import tempfile
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from lib import GOLDENS, MADE_WITH, fresh, load, logits_of, readable, read_json, save_json, save_tensors
from training import SETTINGS, train

ENDS = GOLDENS / "ends"
EMBEDDINGS = {
    "gpt2": "transformer.wte.weight",
    "gpt_neox": "gpt_neox.embed_in.weight",
    "falcon": "transformer.word_embeddings.weight",
    "gemma3": "language_model.model.embed_tokens.weight",
    "mistral3": "language_model.model.embed_tokens.weight",
    "gemma4_unified": "model.language_model.embed_tokens.weight",
    "gemma3n": "model.language_model.embed_tokens.weight",
    "gemma4": "model.language_model.embed_tokens.weight",
    "qwen3_5": "model.language_model.embed_tokens.weight",
}
HEADS = {
    "gpt_neox": "embed_out.weight",
    "gemma3": "language_model.lm_head.weight",
    "mistral3": "language_model.lm_head.weight",
}
ROOTS = {"gpt2": "transformer.", "gpt_neox": "gpt_neox.", "falcon": "transformer."}
TRAINED = "models/qwen2-tied"
EXAMPLES = "goldens/data/tokens-chat-96.json"


def make():
    fresh(ENDS)
    logits = {}
    for directory in sorted([*(GOLDENS / "models").iterdir(), *(GOLDENS / "families").iterdir()]):
        name = str(directory.relative_to(GOLDENS))
        with_files(directory, lambda model: check_names(name, directory, model))
        if is_tied(directory):
            logits[name] = with_files(directory, lambda model: own_head(name, directory, model))
        else:
            with_files(directory, lambda model: check_flag(name, directory, model))
    save_tensors(ENDS / "logits.safetensors", logits)
    losses = with_files(GOLDENS / TRAINED, trajectories)
    save_json(ENDS / "losses.json", {"model": TRAINED, "examples": EXAMPLES, **losses, **MADE_WITH})
    readable(ENDS)


def with_files(directory, use):
    """`use` with a directory that holds config.json and one file of weights, which it may change."""
    with tempfile.TemporaryDirectory() as scratch:
        tensors = {}
        for path in directory.glob("model*.safetensors"):
            tensors.update(load_file(path))
        shutil.copy(directory / "config.json", scratch)
        write(scratch, tensors)
        return use(Path(scratch))


def write(directory, tensors):
    copies = {name: t.clone().contiguous() for name, t in tensors.items()}
    save_file(copies, Path(directory) / "model.safetensors", metadata={"format": "pt"})


def kind(directory):
    return read_json(directory / "config.json")["model_type"]


def is_tied(directory):
    return bool(load(directory).config.tie_word_embeddings)


def first(directory):
    from safetensors import safe_open

    with safe_open(directory / "logits.safetensors", "pt") as golden:
        return golden.get_tensor("input_ids")[:1], golden.get_tensor("logits")[:1]


def rolled(model):
    """Gives the model of these files an output layer of its own."""
    tensors = load_file(model / "model.safetensors")
    embedding = tensors[EMBEDDINGS.get(kind(model), "model.embed_tokens.weight")]
    write(model, {**tensors, HEADS.get(kind(model), "lm_head.weight"): embedding.roll(1, 0)})


def own_head(name, directory, model):
    rolled(model)
    input_ids, tied = first(directory)
    logits = logits_of(load(model), input_ids)[0]
    assert (logits - tied).abs().max() > 0.5, f"{name}: its own output layer changes nothing"
    return logits[0, ::8]


def check_flag(name, directory, model):
    """A config that says tied, and two ends that differ: both are kept."""
    config = read_json(model / "config.json")
    save_json(model / "config.json", {**config, "tie_word_embeddings": True})
    input_ids, logits = first(directory)
    same(logits_of(load(model), input_ids)[0], logits, f"{name}: tie_word_embeddings")


def check_names(name, directory, model):
    """The root may lack, be there twice, or stand before the output layer, too; of two tied ends one is enough."""
    tensors = load_file(model / "model.safetensors")
    root, head = ROOTS.get(kind(model), "model."), HEADS.get(kind(model), "lm_head.weight")
    variants = {
        "no root": {key.removeprefix(root): t for key, t in tensors.items()},
        "root twice": {root + key if key.startswith(root) else key: t for key, t in tensors.items()},
    }
    if kind(model) in ("gemma3", "mistral3"):
        variants = {"by module": {by_module(key): t for key, t in tensors.items()}}
    elif kind(model) in ("gemma4", "gemma4_unified", "qwen3_5"):
        variants = {}
    elif kind(model) == "gpt_neox":
        variants["lm_head"] = {key.replace("embed_out.", "lm_head."): t for key, t in tensors.items()}
    else:
        variants["root everywhere"] = {root + key.removeprefix(root): t for key, t in tensors.items()}
    if head not in tensors:
        embedding = EMBEDDINGS.get(kind(model), "model.embed_tokens.weight")
        variants["head alone"] = {head if key == embedding else key: t for key, t in tensors.items()}
        variants["equal head"] = {**tensors, head: tensors[embedding]}
    input_ids, logits = first(directory)
    for what, changed in variants.items():
        write(model, changed)
        same(logits_of(load(model), input_ids)[0], logits, f"{name}: {what}")


def by_module(key):
    """transformers' own name of a parameter; its files have another."""
    name = key.replace("language_model.model.", "model.language_model.").replace("language_model.lm_head.", "lm_head.")
    return name if name.startswith(("model.", "lm_head.")) else f"model.{name}"


def same(logits, expected, what):
    """But for the order of sums, which changes with where a tensor lies in memory."""
    difference = (logits - expected).abs().max().item()
    assert difference < 2e-5, f"{what} changes the logits by {difference}"


def trajectories(model):
    rolled(model)
    settings, examples = {**SETTINGS, "batchSize": 4}, read_json(EXAMPLES)["examples"]
    initial = GOLDENS / "training" / "qwen2-tied-lora-qv" / "initial"
    lora = PeftModel.from_pretrained(load(model), initial, is_trainable=True).train()
    runs = {"lora": lora, "full": load(model).train()}
    losses = {kind: [row["loss"] for row in train(run, examples, settings)[0]] for kind, run in runs.items()}
    return {"settings": settings, "losses": losses}
