"""Greedy answers of transformers' generate, on prompts where no rounding can change the choice."""

import torch
from peft import PeftModel

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
