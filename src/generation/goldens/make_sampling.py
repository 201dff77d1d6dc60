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
    {"temperature": 1.0, "top_p": 0},
    {"temperature": 1.0, "typical_p": 0.9},
    {"temperature": 1.0, "typical_p": 0.2},
    {"temperature": 1.5, "top_k": 20, "typical_p": 0.7},
    {"temperature": 1.0, "epsilon_cutoff": 0.02},
    {"temperature": 2.0, "epsilon_cutoff": 0.9},
    {"temperature": 1.0, "eta_cutoff": 0.05},
    {"temperature": 1.5, "top_p": 0.9, "eta_cutoff": 0.3},
    {"temperature": 1.0, "top_h": 0.4},
    {"temperature": 2.0, "top_h": 0.7, "top_k": 5},
]

# Of a prompt of 8 tokens and an answer of 4 so far. EOS are 7 and 9.
PROMPT, EOS = 8, [7, 9]
RULES = [
    {"repetition_penalty": 1.3},
    {"encoder_repetition_penalty": 1.5},
    {"encoder_repetition_penalty": 0.6, "repetition_penalty": 1.2},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2},
    {"no_repeat_ngram_size": 3},
    {"encoder_no_repeat_ngram_size": 1},
    {"encoder_no_repeat_ngram_size": 2},
    {"encoder_no_repeat_ngram_size": 2, "prompt": 10},
    {"bad_words_ids": [[3], [7], [1, 4], [5, 1, 6]]},
    {"sequence_bias": [[[3], 2.5], [[4], -1.5], [[1, 8], 4.0], [[2, 1, 8], -1.0], [[3, 1, 8], 9.0], [[3], 1.5]]},
    {"min_length": 12},
    {"min_length": 13},
    {"min_new_tokens": 5},
    {"forced_eos_token_id": 6, "max_length": 13},
    {"forced_eos_token_id": [6, 9], "max_length": 13},
    {"forced_eos_token_id": 6, "max_length": 14},
    {"forced_bos_token_id": 5},
    {"forced_bos_token_id": 5, "prompt": 1, "history": [4]},
    {"begin_suppress_tokens": [1, 2, 3]},
    {"begin_suppress_tokens": [1, 2, 3], "prompt": 12},
    {"begin_suppress_tokens": [1, 2, 3], "forced_bos_token_id": 5, "prompt": 1, "history": [4, 5]},
    {"suppress_tokens": [0, 5, 47, 99]},
    {"exponential_decay_length_penalty": [2, 1.5]},
    {"exponential_decay_length_penalty": [4, 1.5]},
    {"remove_invalid_values": True, "bad_words_ids": [[3]]},
    {"renormalize_logits": True, "no_repeat_ngram_size": 2, "repetition_penalty": 0.7},
    {"no_repeat_ngram_size": 2, "suppress_tokens": [2], "min_new_tokens": 9, "repetition_penalty": 1.1},
]

NEUTRAL = [{"temperature": 1.0}, {"temperature": 1.0, "top_k": 1000}]


def main():
    torch.manual_seed(SEED)
    cases = [case(settings) for settings in CASES]
    versions = {"transformers": transformers.__version__, "torch": torch.__version__, "seed": SEED}
    rules = [rule(settings) for settings in RULES]
    head = json.dumps(versions)[:-1]
    text = f'{head},\n "cases": [\n  {lines(cases)}\n ],\n "rules": [\n  {lines(rules)}\n ]}}\n'
    Path(__file__).with_name("sampling.json").write_text(text)


def lines(cases):
    return ",\n  ".join(json.dumps(c, separators=(",", ":")) for c in cases)


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


def rule(settings):
    """Greedy: the scores as the processors leave them, as probabilities."""
    given = {key: value for key, value in settings.items() if key not in ("prompt", "history")}
    prompt = settings.get("prompt", PROMPT)
    logits = torch.randn(1, VOCABULARY) * 3
    # Few different tokens, so that they repeat themselves; the end is one of the bigrams before.
    history = torch.tensor([settings.get("history") or [*torch.randint(0, 9, (9,)).tolist(), 2, 1, 8, 2, 1][-12:]])
    scores = processors(given, do_sample=False, prompt=history[:, :prompt])(history, logits.clone())
    changed = not torch.equal(scores, logits)
    print(given, "changes the scores" if changed else "changes nothing")
    return {
        "settings": given,
        "promptLength": prompt,
        "logits": logits[0].tolist(),
        "history": history[0].tolist(),
        "probabilities": torch.softmax(scores, dim=-1)[0].tolist(),
    }


def processors(settings, do_sample=True, prompt=None) -> LogitsProcessorList:
    """generate()'s own list, with sampling's global default (top_k 50) switched off."""
    config = GenerationConfig(do_sample=do_sample, num_beams=1, **{"top_k": 0, **settings})
    config._eos_token_tensor = torch.tensor(EOS)
    mixin = GenerationMixin()
    mixin.config = PretrainedConfig()
    length = 12 if prompt is None else prompt.shape[1]
    return mixin._get_logits_processor(config, input_ids_seq_length=length, encoder_input_ids=prompt, device="cpu")


if __name__ == "__main__":
    main()
