"""Next-token distributions of transformers' logits processors, in the order generate() puts them: sampling.json.

    python src/generation/goldens/make_sampling.py
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import GenerationConfig, GenerationMixin, LogitsProcessorList, PretrainedConfig

SEED, VOCABULARY = 42, 48
CASES = [
    {"temperature": 1.0},
    {"temperature": 0.7},
    {"temperature": 1.5, "top_k": 5},
    {"temperature": 1.0, "top_k": 1},
    {"temperature": 1.0, "top_k": 1000},
    {"temperature": 1.0, "top_p": 0.9},
    {"temperature": 1.0, "top_p": 0.3},
    {"temperature": 1.0, "top_p": 0.01},
    {"temperature": 1.0, "min_p": 0.1},
    {"temperature": 2.0, "min_p": 0.5},
    {"temperature": 1.0, "repetition_penalty": 1.3},
    {"temperature": 1.0, "repetition_penalty": 0.8},
    {"temperature": 0.8, "top_k": 20, "top_p": 0.8, "min_p": 0.05, "repetition_penalty": 1.05},
    {"temperature": 2.0, "top_k": 12, "top_p": 0.7},
    {"temperature": 0.5, "top_p": 0.95, "min_p": 0.2},
]

NEUTRAL = [{"temperature": 1.0}, {"temperature": 1.0, "top_k": 1000}]


def main():
    torch.manual_seed(SEED)
    cases = [case(settings) for settings in CASES]
    versions = {"transformers": transformers.__version__, "torch": torch.__version__, "seed": SEED}
    body = ",\n  ".join(json.dumps(c, separators=(",", ":")) for c in cases)
    head = json.dumps(versions)[:-1]
    Path(__file__).with_name("sampling.json").write_text(f'{head},\n "cases": [\n  {body}\n ]}}\n')


def case(settings):
    logits = torch.randn(1, VOCABULARY) * 3
    history = torch.randint(0, VOCABULARY, (1, 12))
    scores = processors(settings)(history, logits.clone())
    probabilities = torch.softmax(scores, dim=-1)
    changed = (probabilities - torch.softmax(logits, dim=-1)).abs().max() > 0.01
    assert changed == (settings not in NEUTRAL), settings
    return {
        "settings": settings,
        "logits": logits[0].tolist(),
        "history": history[0].tolist(),
        "probabilities": probabilities[0].tolist(),
    }


def processors(settings) -> LogitsProcessorList:
    """generate()'s own list, with sampling's global default (top_k 50) switched off."""
    config = GenerationConfig(do_sample=True, num_beams=1, **{"top_k": 0, **settings})
    mixin = GenerationMixin()
    mixin.config = PretrainedConfig()
    return mixin._get_logits_processor(config, input_ids_seq_length=12, device="cpu")


if __name__ == "__main__":
    main()
