"""Trajectories of PEFT over a base whose linear layers hold what bitsandbytes' codes stand for, by the loop of training.py.

That is QLoRA as float32 computes it (Dettmers et al. 2023, https://arxiv.org/abs/2305.14314, equation 5): the codes never
change, and their product is that of the values they stand for.
"""

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, LlamaConfig
from transformers.pytorch_utils import Conv1D

from lib import GOLDENS, MADE_WITH, MODELS, fresh, generator, load, logits_of, readable, read_json, save_json, save_tensors
from models import SMALL, fill
from quantization import as_files
from tokens import write_tokens
from training import SETTINGS, TRAINING, relative_difference, report, strip, train, write_initial_adapter

QLORA = GOLDENS / "qlora"
ODD = QLORA / "odd-nf4-double"
ALL, QV = TRAINING / "llama-gqa-lora-all" / "initial", TRAINING / "llama-gqa-lora-qv" / "initial"
QWEN2 = TRAINING / "qwen2-tied-lora-qv" / "initial"
FAMILIES, EXPERTS = GOLDENS / "families", GOLDENS / "target_parameters"
GPT2 = FAMILIES / "gpt2"
# name -> model, where the adapter starts, a recipe's `quantization`
CASES = {
    "llama-nf4-double": (MODELS / "llama-gqa", ALL, dict(type="nf4", doubleQuant=True)),
    "llama-nf4": (MODELS / "llama-gqa", QV, dict(type="nf4", doubleQuant=False)),
    "llama-fp4-double": (MODELS / "llama-gqa", QV, dict(type="fp4", doubleQuant=True)),
    "llama-int8": (MODELS / "llama-gqa", ALL, dict(type="int8")),
    "qwen2-nf4-double": (MODELS / "qwen2-tied", QWEN2, dict(type="nf4", doubleQuant=True)),
    "qwen2-nf4": (MODELS / "qwen2-tied", QWEN2, dict(type="nf4", doubleQuant=False)),
    "qwen2-fp4": (MODELS / "qwen2-tied", QWEN2, dict(type="fp4", doubleQuant=False)),
    "qwen2-int8": (MODELS / "qwen2-tied", QWEN2, dict(type="int8")),
    "gpt2-nf4-double": (GPT2, GPT2 / "initial", dict(type="nf4", doubleQuant=True)),
    "gpt2-int8": (GPT2, GPT2 / "initial", dict(type="int8")),
    "gpt_oss-nf4-double": (FAMILIES / "gpt_oss", FAMILIES / "gpt_oss" / "initial", dict(type="nf4", doubleQuant=True)),
    "granitemoe-nf4": (FAMILIES / "granitemoe", EXPERTS / "granitemoe" / "initial", dict(type="nf4", doubleQuant=False)),
    "mixtral-nf4-double": (FAMILIES / "mixtral", EXPERTS / "mixtral" / "initial", dict(type="nf4", doubleQuant=True)),
    "mixtral-int8": (FAMILIES / "mixtral", EXPERTS / "mixtral" / "initial", dict(type="int8")),
    "odd-nf4-double": (ODD / "model", ODD / "initial", dict(type="nf4", doubleQuant=True)),
}
# 33 x 499 values are odd in number, end in a short block, and have more scales than one nested block holds.
ODD_SIZES = dict(hidden_size=33, intermediate_size=499, head_dim=10, num_attention_heads=3, num_key_value_heads=1)
LENGTH = 16


def make(*names):
    if not names:
        fresh(QLORA)
        make_odd_model()
    for name in names or CASES:
        make_case(name, *CASES[name])


def make_odd_model():
    config = LlamaConfig(**{**SMALL, **ODD_SIZES, "num_hidden_layers": 1, "tie_word_embeddings": True, "eos_token_id": 319})
    model = AutoModelForCausalLM.from_config(config)
    fill(model, generator("model", "odd"), config.eos_token_id)
    model.to(torch.bfloat16).save_pretrained(ODD / "model")
    write_initial_adapter(ODD / "initial", ODD / "model", ["q_proj", "v_proj", "down_proj"], generator("adapter", "odd"))


def make_case(name, model_directory, initial, quantization):
    directory = QLORA / name
    directory.mkdir(exist_ok=True)
    examples_path = write_tokens("chat", SETTINGS["maxLength"])
    examples = read_json(examples_path)["examples"]
    model = load_trainable(model_directory, initial, quantization)
    metrics, _ = train(model, examples, SETTINGS)
    exact, _ = train(load_trainable(model_directory, initial, quantization).to(torch.float64), examples, SETTINGS)
    unquantized, _ = train(load_trainable(model_directory, initial), examples, SETTINGS)
    moved = relative_difference(metrics, unquantized, "loss")
    assert moved > 1e-3, f"{name}: quantization moves the loss by {moved} only"

    save_json(directory / "metrics.json", metrics)
    model.save_pretrained(directory / "final")
    strip(directory)
    input_ids = torch.randint(0, model.config.vocab_size, (1, LENGTH), generator=generator("logits", name))
    save_tensors(directory / "logits.safetensors", {"input_ids": input_ids, "logits": logits_of(model.eval(), input_ids)[0]})
    noise = {key: relative_difference(metrics, exact, key) for key in ("loss", "gradNorm")}
    head = {"model": str(model_directory), "initial": str(initial), "quantization": quantization}
    head |= {"examples": str(examples_path), "settings": SETTINGS, "float32Noise": noise}
    save_json(directory / "case.json", {**head, "unquantizedLoss": [row["loss"] for row in unquantized], **MADE_WITH})
    readable(directory)
    report(f"{name}, {moved:.0e} off the unquantized", metrics, noise)


def load_trainable(model_directory, initial, quantization=None):
    model = load(model_directory)
    if quantization:
        quantize_linears(model, **quantization)
    return PeftModel.from_pretrained(model, initial, is_trainable=True).train()  # no dropout anywhere


@torch.no_grad()
def quantize_linears(model, type, doubleQuant=False):
    """
    Each linear layer but the output layer: its weight becomes what its codes stand for. A Conv1D's is turned before and
    after (transformers/integrations/bitsandbytes.py).
    """
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, Conv1D)) and module is not model.get_output_embeddings():
            quantize_matrix(module.weight.T if isinstance(module, Conv1D) else module.weight, type, doubleQuant)
        if hasattr(module, "gate_up_proj") and hasattr(module, "down_proj") and module.down_proj.__class__ is torch.nn.Parameter:
            quantize_experts(module, model.config.model_type, type, doubleQuant)


def quantize_experts(module, model_type, type, doubleQuant):
    """Each matrix of each expert by itself, as [out, in] and as the files hold them: mixtral's gate and up are apart."""
    for parameter in (module.gate_up_proj, module.down_proj):
        for matrix in parameter:
            matrix = matrix.T if model_type == "gpt_oss" else matrix
            parts = matrix.chunk(2) if model_type == "mixtral" and parameter is module.gate_up_proj else [matrix]
            for part in parts:
                quantize_matrix(part, type, doubleQuant)


def quantize_matrix(weight, type, doubleQuant):
    weight.copy_(through_int8(weight) if type == "int8" else as_files("weight", weight.contiguous(), type, doubleQuant)[1])


def through_int8(weight):
    """bitsandbytes, csrc/kernels.cu, kInt8VectorQuant, and functional.py, int8_vectorwise_dequant, v0.45."""
    absmax = weight.abs().amax(1, keepdim=True)
    codes = torch.round(weight * (127.0 / absmax)).to(torch.int8)
    return codes * absmax * 7.874015718698502e-3
