"""GPT-OSS as it is published, experts in MXFP4: what transformers dequantizes them to, and the model's logits."""

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from family_cases import CASES, VOCAB
from families import LENGTH, fill
from lib import GOLDENS, MADE_WITH, fresh, generator, load, logits_of, read_json, readable, save_json, save_tensors

DIRECTORY = GOLDENS / "mxfp4"
SKIPPED = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]


def make():
    directory = fresh(DIRECTORY)
    _, config, *_ = CASES["gpt_oss"]
    config = transformers.AutoConfig.for_model("gpt_oss", **{**config, "hidden_size": 32, "intermediate_size": 64})
    model = transformers.AutoModelForCausalLM.from_config(config)
    fill(model, generator("mxfp4"))
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    tensors, dequantized = packed(load_file(directory / "model.safetensors"))
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    written = read_json(directory / "config.json")
    save_json(directory / "config.json", {**written, "quantization_config": {"modules_to_not_convert": SKIPPED, "quant_method": "mxfp4"}})
    input_ids = torch.randint(0, VOCAB, (1, LENGTH), generator=generator("mxfp4 input_ids"))  # experts come in bfloat16, whatever dtype says
    logits = logits_of(load(directory).float(), input_ids)[0]
    save_tensors(directory / "logits.safetensors", {"input_ids": input_ids, "logits": logits})
    save_tensors(directory / "dequantized.safetensors", {**dequantized, **extremes()})
    save_json(directory / "golden.json", {"largestLogit": logits.abs().max().item(), **MADE_WITH})
    readable(directory)


def packed(tensors):
    """Random codes for the experts of each layer, with exponents that keep weights near 0.1; the rest as it is."""
    g, dequantized = generator("mxfp4 codes"), {}
    for name in [name for name in tensors if name.endswith(("experts.gate_up_proj", "experts.down_proj"))]:
        n, inputs, out = tensors.pop(name).shape
        blocks = torch.randint(0, 256, (n, out, inputs // 32, 16), generator=g, dtype=torch.uint8)
        scales = torch.randint(121, 125, (n, out, inputs // 32), generator=g, dtype=torch.uint8)
        tensors |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
        dequantized[name] = convert_moe_packed_tensors(blocks, scales)
    return tensors, dequantized


def extremes():
    """Every code under every exponent that is a number: 0 to 254."""
    blocks = (torch.arange(16, dtype=torch.uint8) * 17).expand(1, 255, 1, 16).contiguous()
    scales = torch.arange(255, dtype=torch.uint8).reshape(1, 255, 1)
    return {"extremes.blocks": blocks, "extremes.scales": scales, "extremes": convert_moe_packed_tensors(blocks, scales)}
