"""Loads an adapter directory with PEFT, strictly, and prints the logits of model + adapter as JSON.

    python goldens/verify_adapter.py ADAPTER MODEL TOKENS_JSON

PEFT itself only warns about a missing tensor and keeps quiet about an unexpected one; this fails on either, on a
tensor of another shape, and on one that did not arrive in the model bit by bit. Weights of the base that the file brings
along, as PEFT writes them for an enlarged vocabulary, are expected where PEFT would load them.
"""

import os
import sys
import warnings

import torch
from peft import PeftConfig, PeftModel, get_peft_model_state_dict
from peft.utils.save_and_load import set_peft_model_state_dict
from safetensors.torch import load_file

from verify_model import load_strictly, print_logits, read_tokens


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    adapter, model, tokens = sys.argv[1:]
    print_logits(attach_strictly(load_strictly(model), adapter), read_tokens(tokens))


def attach_strictly(model, adapter):
    warnings.simplefilter("ignore")  # what PEFT would warn about is an error below
    PeftConfig.from_pretrained(adapter)
    model = PeftModel.from_pretrained(model, adapter).eval()
    stored = load_file(os.path.join(adapter, "adapter_model.safetensors"))
    needed = get_peft_model_state_dict(model, save_embedding_layers=False)
    arrived = {**get_peft_model_state_dict(model, save_embedding_layers=True), **needed}
    unexpected = set_peft_model_state_dict(model, {k: t.clone() for k, t in stored.items()}).unexpected_keys
    problems = [f"missing {key}" for key in sorted(needed.keys() - stored.keys())]
    problems += [f"unexpected {key}" for key in sorted({*unexpected, *(stored.keys() - arrived.keys())})]
    for key in sorted(stored.keys() & arrived.keys()):
        if stored[key].shape != arrived[key].shape:
            problems.append(f"{key}: {list(stored[key].shape)} in the file, {list(arrived[key].shape)} in the model")
        elif not torch.equal(stored[key].float(), arrived[key].float()):
            problems.append(f"{key}: the model holds other values than the file")
    if problems:
        raise SystemExit(f"{adapter}:\n  " + "\n  ".join(problems))
    return model


if __name__ == "__main__":
    main()
