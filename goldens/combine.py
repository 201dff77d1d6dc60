"""What PEFT's add_weighted_adapter makes of small adapters, by every method that is not random."""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict

from lib import GOLDENS, MADE_WITH, MODELS, fresh, generator, load, readable, save_json, save_tensors

MODEL = "llama-gqa"
# two has modules that one lacks and the other way round; three has another rank and rsLoRA's scale.
ADAPTERS = {
    "one": dict(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"]),
    "two": dict(r=4, lora_alpha=6, target_modules=["q_proj", "v_proj"]),
    "three": dict(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj"], use_rslora=True),
}
TWO, ALL = {"one": 0.7, "two": -0.4}, {"one": 0.7, "two": 0.5, "three": -0.3}
CASES = {
    "linear": (TWO, {}),
    "cat": (ALL, {}),
    "svd": (ALL, {}),
    "svd-rank-2": (ALL, {"svd_rank": 2}),
    "ties": (TWO, {"density": 0.6}),
    "ties-frequency": (TWO, {"density": 0.6, "majority_sign_method": "frequency"}),
    "ties_svd": (ALL, {"density": 0.3}),
    "ties_svd-frequency": (ALL, {"density": 0.3, "majority_sign_method": "frequency"}),
    "magnitude_prune": (TWO, {"density": 0.55}),
    "magnitude_prune_svd": (ALL, {"density": 0.35}),
    "dare_linear": (TWO, {"density": 1.0}),
    "dare_ties": (TWO, {"density": 1.0}),
    "dare_linear_svd": (ALL, {"density": 1.0}),
    "dare_ties_svd": (ALL, {"density": 1.0}),
}
OUR_NAMES = {"svd_rank": "rank", "majority_sign_method": "majoritySign", "density": "density"}


def make():
    directory = fresh(GOLDENS / "combine")
    model = adapters(directory)
    cases, tensors = [], {}
    for name, (weights, options) in CASES.items():
        method = name.split("-")[0]
        model.add_weighted_adapter(list(weights), list(weights.values()), name, combination_type=method, **options)
        for key, tensor in get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False).items():
            tensors[f"{name}/{key}"] = tensor
        settings = {"method": method, **{OUR_NAMES[key]: value for key, value in options.items()}}
        cases.append({"name": name, "weights": weights, "settings": settings, "r": model.peft_config[name].r})
    save_tensors(directory / "combined.safetensors", tensors)
    save_json(directory / "golden.json", {"model": str(MODELS / MODEL), "cases": cases, **MADE_WITH})
    readable(directory)


def adapters(directory):
    """All three on one model, A and B random."""
    for name, settings in ADAPTERS.items():
        model = get_peft_model(load(MODELS / MODEL), LoraConfig(task_type="CAUSAL_LM", **settings), adapter_name=name)
        random = generator("combine", name)
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if "lora_" in key:
                    parameter.copy_(0.2 * torch.randn(parameter.shape, generator=random))
        model.save_pretrained(directory)
    (directory / "README.md").unlink()
    model = PeftModel.from_pretrained(load(MODELS / MODEL), directory / "one", adapter_name="one")
    for name in ("two", "three"):
        model.load_adapter(directory / name, adapter_name=name)
    return model
