"""Greedy answers of transformers' generate, on prompts where no rounding can change the choice."""

import torch
from peft import PeftModel
from transformers import GenerationConfig

from lib import GOLDENS, MADE_WITH, MODELS, fresh, load, load_tokenizer, logits_of, read_json, save_examples
from tokens import user_message

GENERATION = GOLDENS / "generation"
PROMPTS, MAX_NEW_TOKENS, MARGIN = 20, 24, 1e-3
# name -> model, adapter
CASES = {
    "llama-gqa": ("llama-gqa", None),
    "qwen2-tied": ("qwen2-tied", None),
    "mistral-window": ("mistral-window", None),
    "llama-gqa-lora-all": ("llama-gqa", "training/llama-gqa-lora-all/final"),
}
# What a generation_config.json may say, and eos with it; token ids of llama-gqa's vocabulary of 320.
SETTINGS = [
    {"max_new_tokens": 6},
    {"max_length": 70},
    {"max_length": 40, "max_new_tokens": 9},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2},
    {"encoder_no_repeat_ngram_size": 1},
    {"repetition_penalty": 1.3},
    {"encoder_repetition_penalty": 2.0},
    {"suppress_tokens": list(range(0, 320, 2))},
    {"begin_suppress_tokens": list(range(1, 320, 2))},
    {"bad_words_ids": [[i] for i in range(0, 60)] + [[i, i + 1] for i in range(60, 318)]},
    {"sequence_bias": [[[i], 1.5] for i in range(0, 320, 5)] + [[[i, 100], 4.0] for i in range(320)]},
    {"min_new_tokens": 20},
    {"min_length": 75},
    {"min_length": 75, "min_new_tokens": 2},
    {"forced_eos_token_id": 12, "max_new_tokens": 5},
    {"exponential_decay_length_penalty": [3, 1.6]},
    {"remove_invalid_values": True, "renormalize_logits": True, "do_sample": False, "temperature": 0.4, "top_k": 3},
    {"stop_strings": ["e", "an"]},
]


def make():
    fresh(GENERATION)
    for name, (model_name, adapter) in CASES.items():
        model = load(MODELS / model_name)
        if adapter:
            model = PeftModel.from_pretrained(model, GOLDENS / adapter)
        answers = clear_answers(model, load_tokenizer(MODELS / model_name))
        stopped = sum(a["finishReason"] == "stop" for a in answers)
        print(f"  {name}: {stopped} of {len(answers)} stop, least margin {min(a['margin'] for a in answers):.4f}")
        assert 0 < stopped < PROMPTS, "a golden of greedy decoding needs both endings"
        head = {"model": str(MODELS / model_name), "adapter": adapter and str(GOLDENS / adapter)}
        save_examples(GENERATION / f"{name}.json", {**head, "maxNewTokens": MAX_NEW_TOKENS, **MADE_WITH}, answers, "prompts")
    make_settings()


def make_settings():
    """As a user's call of generate has it: all settings from the model's generation_config."""
    model, tokenizer = load(MODELS / "llama-gqa"), load_tokenizer(MODELS / "llama-gqa")
    cases = [{"settings": settings, "prompts": settled_answers(model, tokenizer, settings)} for settings in SETTINGS]
    head = {"model": str(MODELS / "llama-gqa"), "defaultMaxNewTokens": MAX_NEW_TOKENS, **MADE_WITH}
    save_examples(GENERATION / "settings.json", head, cases, "cases")


def settled_answers(model, tokenizer, settings, count=4):
    answers, changed = [], False
    for row in read_json(GOLDENS / "data" / "alpaca.json"):
        messages = [user_message(row)]
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        input_ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
        if len(answers) == count or input_ids.shape[1] > 60:
            continue
        output_ids, margin = settled(model, tokenizer, settings, input_ids)
        if margin > MARGIN:
            answers.append({"messages": messages, "output_ids": output_ids})
            changed |= output_ids != settled(model, tokenizer, {}, input_ids)[0]
    assert len(answers) == count, settings
    print(f"  {str(settings)[:60]}: {'changes' if changed else 'changes nothing in'} the answers")
    return answers


def settled(model, tokenizer, settings, input_ids):
    length = {} if {"max_new_tokens", "max_length"} & settings.keys() else {"max_new_tokens": MAX_NEW_TOKENS}
    special = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": 0}
    model.generation_config = GenerationConfig(**settings, **length, **special)
    out = model.generate(input_ids, tokenizer=tokenizer, return_dict_in_generate=True, output_scores=True)
    best = [scores[0].topk(2).values for scores in out.scores]
    return out.sequences[0, input_ids.shape[1] :].tolist(), min((a - b).item() for a, b in best)


def clear_answers(model, tokenizer):
    answers = []
    for row in read_json(GOLDENS / "data" / "alpaca.json"):
        found = answer(model, tokenizer, [user_message(row)])
        if found["margin"] > MARGIN and len(answers) < PROMPTS:
            answers.append(found)
    assert len(answers) == PROMPTS
    return answers


def answer(model, tokenizer, messages):
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    input_ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    mask = torch.ones_like(input_ids)
    output = model.generate(input_ids=input_ids, attention_mask=mask, do_sample=False, max_new_tokens=MAX_NEW_TOKENS)
    output_ids = output[0, input_ids.shape[1] :]
    return {
        "messages": messages,
        "prompt": prompt,
        "input_ids": input_ids[0].tolist(),
        "output_ids": output_ids.tolist(),
        "text": tokenizer.decode(output_ids, skip_special_tokens=True),
        "finishReason": "stop" if output_ids[-1] == tokenizer.eos_token_id else "length",
        "margin": margin(model, output, output_ids),
    }


def margin(model, output, output_ids):
    """Over the whole sequence at once, without a cache: the least distance of the chosen token to the runner-up."""
    steps = logits_of(model, output)[0][0, -len(output_ids) - 1 : -1]  # [new tokens, vocab]
    best = steps.topk(2)
    assert torch.equal(best.indices[:, 0], output_ids), "the cache changed the choice"
    return (best.values[:, 0] - best.values[:, 1]).min().item()
