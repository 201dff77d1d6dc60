"""Loads a model directory (and an adapter) with transformers and PEFT and prints its logits as JSON.

    python goldens/verify_model.py MODEL [ADAPTER] [--tokens TOKENS_JSON] [--merge]

Float32, eager attention. Fails on any tensor missing from the model directory, unexpected in it or of another shape.
"""

import argparse
import json

import torch
import transformers

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("adapter", nargs="?")
    parser.add_argument("--tokens", help="JSON: token ids, a list of such lists, or an object with input_ids")
    parser.add_argument("--merge", action="store_true", help="merge the adapter first")
    args = parser.parse_args()
    model = load_strictly(args.model)
    if args.adapter:
        from verify_adapter import attach_strictly

        model = attach_strictly(model, args.adapter)
    if args.merge:
        model = model.merge_and_unload()
    sequences = read_tokens(args.tokens) if args.tokens else [list(range(40))]
    print_logits(model, sequences)


def load_strictly(directory):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    problems = {kind: sorted(map(str, found)) for kind, found in info.items() if found}
    if problems:
        raise SystemExit(f"{directory}: {json.dumps(problems, indent=1)}")
    return model.eval()


def read_tokens(path):
    with open(path, encoding="utf-8") as file:
        tokens = json.load(file)
    if isinstance(tokens, dict):
        tokens = tokens["input_ids"]
    return tokens if isinstance(tokens[0], list) else [tokens]


@torch.no_grad()
def print_logits(model, sequences):
    """{"logits": one [tokens, vocab] a sequence}, each sequence in a pass of its own."""
    passes = [model(input_ids=torch.tensor([ids]), use_cache=False).logits[0] for ids in sequences]
    print(json.dumps({"logits": [logits.tolist() for logits in passes]}))


if __name__ == "__main__":
    main()
