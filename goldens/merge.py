"""PEFT's merge of one trained adapter, and the logits before and after."""

import torch
from peft import PeftModel
from safetensors.torch import load_file

from lib import GOLDENS, MADE_WITH, MODELS, fresh, generator, load, logits_of, readable, save_json, save_tensors

CASE, MODEL = "llama-gqa-lora-all", "llama-gqa"
ADAPTER = GOLDENS / "training" / CASE / "final"


def make():
    directory = fresh(GOLDENS / "merge" / CASE)
    model = PeftModel.from_pretrained(load(MODELS / MODEL), ADAPTER)
    input_ids = torch.randint(0, model.config.vocab_size, (1, 40), generator=generator("merge", CASE))
    adapter_logits = logits_of(model, input_ids)[0]
    merged = model.merge_and_unload()
    merged_logits = logits_of(merged, input_ids)[0]
    base_logits = logits_of(load(MODELS / MODEL), input_ids)[0]
    assert (adapter_logits - merged_logits).abs().max() < 1e-4 < 0.1 < (adapter_logits - base_logits).abs().max()
    merged.save_pretrained(directory)
    (directory / "generation_config.json").unlink()
    assert set(load_file(directory / "model.safetensors")) == set(load_file(MODELS / MODEL / "model.safetensors"))
    logits = {"input_ids": input_ids, "adapter_logits": adapter_logits, "merged_logits": merged_logits}
    save_tensors(directory / "logits.safetensors", logits)
    save_json(directory / "golden.json", {"model": str(MODELS / MODEL), "adapter": str(ADAPTER), **MADE_WITH})
    readable(directory)
