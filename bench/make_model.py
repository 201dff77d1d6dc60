"""A randomly initialised model of a shape, with a tokenizer trained on a corpus, or a fresh LoRA adapter for one.

    python bench/make_model.py model CONFIG DIR [--vocabulary 32000] [--corpus FILE ...]
    python bench/make_model.py adapter MODEL DIR --rank 8

CONFIG is a config.json of transformers, without the ids of special tokens. The adapter is LoRA on all linear layers, alpha
twice its rank, so that both sides of a comparison start from the same numbers.
"""

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "goldens"))

import torch  # noqa: E402
import transformers  # noqa: E402

# Nothing follows a message's end, so that every trainer labels the same tokens.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def main():
    args = arguments()
    torch.manual_seed(42)
    if args.what == "model":
        make_model(args.source, args.directory, args.vocabulary, args.corpus)
    else:
        make_adapter(args.source, args.directory, args.rank)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["model", "adapter"])
    parser.add_argument("source", help="config.json, or the model an adapter is for")
    parser.add_argument("directory")
    parser.add_argument("--vocabulary", type=int, default=32000, help="most tokens of the tokenizer")
    parser.add_argument("--corpus", nargs="*", default=[], help="text, JSON or JSON lines to train the tokenizer on")
    parser.add_argument("--rank", type=int, default=8)
    return parser.parse_args()


def make_model(config, directory, vocabulary, corpus):
    from tokenizer import train_tokenizer

    shape = json.load(open(config, encoding="utf-8"))
    texts = [open(path, encoding="utf-8").read() for path in corpus] or [__doc__]
    size = min(vocabulary, shape["vocab_size"])
    tokenizer = train_tokenizer((line for text in texts for line in text.splitlines()), size)
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(directory)
    ends = dict(bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    config = transformers.AutoConfig.for_model(**{**shape, **ends})
    torch.set_default_dtype(torch.bfloat16)
    model = transformers.AutoModelForCausalLM.from_config(config)
    del ends["bos_token_id"]
    model.generation_config = transformers.GenerationConfig(**ends, do_sample=False)
    model.save_pretrained(directory)


def make_adapter(model, directory, rank):
    from peft import LoraConfig, get_peft_model

    base = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    get_peft_model(base, config).save_pretrained(directory)


if __name__ == "__main__":
    main()
