"""Alpaca rows into token ids and label masks, by DESIGN's conventions 1 to 4, as plainly as it can be written."""

from lib import GOLDENS, MODELS, load_tokenizer, read_json, save_examples

SOURCE = GOLDENS / "data" / "alpaca.json"
TOKENIZER = MODELS / "llama-gqa"
# https://github.com/tatsu-lab/stanford_alpaca/blob/main/train.py
STANFORD_WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:"
)
STANFORD_WITHOUT_INPUT = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:"
)


def write_tokens(template, max_length):
    """Writes goldens/data/tokens-<template>-<max_length>.json and returns its path."""
    tokenizer, rows = load_tokenizer(TOKENIZER), read_json(SOURCE)
    examples, cut, dropped = [], [], []
    for index, row in enumerate(rows):
        input_ids, label_mask = RENDER[template](tokenizer, row)
        if len(input_ids) > max_length:
            cut.append(index)
            input_ids, label_mask = input_ids[:max_length], label_mask[:max_length]
        if any(label_mask):
            examples.append({"row": index, "input_ids": input_ids, "label_mask": label_mask})
        else:
            dropped.append(index)
    path = GOLDENS / "data" / f"tokens-{template}-{max_length}.json"
    head = {"source": str(SOURCE), "tokenizer": str(TOKENIZER), "template": template, "maxLength": max_length}
    save_examples(path, {**head, "rows": len(rows), "cut": cut, "dropped": dropped}, examples)
    return path


def user_message(row):
    content = row["instruction"] + ("\n\n" + row["input"] if row["input"] else "")
    return {"role": "user", "content": content}


def chat(tokenizer, row):
    messages = [user_message(row), {"role": "assistant", "content": row["output"]}]
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    prompt = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True, tokenize=False)
    assert text.startswith(prompt) and text.endswith("<|im_end|>\n")
    return masked(tokenizer, text, len(prompt), len(text) - 1)


def alpaca(tokenizer, row):
    prompt = (STANFORD_WITH_INPUT if row["input"] else STANFORD_WITHOUT_INPUT).format_map(row)
    text = prompt + row["output"] + tokenizer.eos_token
    return masked(tokenizer, text, len(prompt), len(text))


RENDER = {"chat": chat, "alpaca": alpaca}


def masked(tokenizer, text, start, end):
    """One encoding of the whole text; the tokens of text[start:end] are labels. No token may straddle a boundary."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    assert tokenizer.decode(encoded["input_ids"]) == text  # else NFC moved the offsets
    label_mask = []
    for first, last in encoded["offset_mapping"]:
        assert last <= start or start <= first, f"a token straddles the start of the answer in {text!r}"
        assert last <= end or end <= first, f"a token straddles the end of the answer in {text!r}"
        label_mask.append(int(start <= first and last <= end))
    return encoded["input_ids"], label_mask
