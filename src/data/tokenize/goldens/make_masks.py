"""
Which tokens transformers' assistant mask holds (`apply_chat_template(return_assistant_tokens_mask=True)`), for random
conversations under templates with `{% generation %}` marks, and what tokenizers makes of prompts and completions.
Over byte-level tokenizers and ones in SentencePiece's manner. Writes masks.json beside this file:

    python src/data/tokenize/goldens/make_masks.py     # transformers 5.18.0, tokenizers 0.23.2
"""

import json
import os
import random
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AutoTokenizer  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "../../../../test/cases/models")
random.seed(0)


def metaspace(scheme, split):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


SPACE = {"String": " "}
REPLACE = {"type": "Replace", "pattern": SPACE, "content": "▁"}
PREPEND = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, REPLACE]}
MERGED = {"type": "Split", "pattern": SPACE, "behavior": "MergedWithPrevious", "invert": False}
WHOLE = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
# Model, and what is changed in its tokenizer.json.
TOKENIZERS = [
    ("chatml", {}),
    ("chatml", {"pre_tokenizer": WHOLE}),
    ("bos", {}),
    ("gpt2", {"pre_tokenizer": {**WHOLE, "add_prefix_space": True, "use_regex": True}}),
    ("pieces", {}),
    ("pieces", {"normalizer": PREPEND, "pre_tokenizer": None}),
    ("pieces", {"normalizer": REPLACE, "pre_tokenizer": MERGED}),
    ("pieces", {"pre_tokenizer": metaspace("always", False)}),
    ("pieces", {"pre_tokenizer": metaspace("never", True)}),
]


def template(before_user, before_answer, after):
    marked = "{% generation %}{{ m.content + eos_token }}{% endgeneration %}"
    return (
        "{% for m in messages %}{% if m.role == 'assistant' %}" + before_answer + marked + after
        + "{% else %}" + before_user + "{{ m.content + '\n' }}{% endif %}{% endfor %}"
        + "{% if add_generation_prompt %}" + before_answer + "{% endif %}"
    )


TEMPLATES = [
    template("Guest: ", "Bot: ", "{{ '\n' }}"),
    template("Guest:", "Bot:", "{{ '\n' }}"),
    template("### {{ m.role }}:  ", "### Bot:  ", ""),
    template("Guest\n", "Bot\n", ""),
    template("", "say", ""),
    template("", "{{ eos_token + ' ' }}", ""),
]
WORDS = ["the", "a", "sea", "fish", "Yes", "über", "你好", "🎉", "👩‍🚀", "é", "e\u0301", "12", "\t", "\n", "  ", "“x”", "\u3000", "\u00a0"]


def text():
    lead = random.choice(["", "", "", " ", "  ", "\n", "\t", " \n", "\u3000"])
    words = random.choice([" ", ""]).join(random.choice(WORDS) for _ in range(random.randint(1, 3)))
    made = lead + words + random.choice(["", "", " ", "\n"])
    return made if made.strip() else made + "x"


def conversation():
    system = [{"role": "system", "content": text() + random.choice(["", " ", "\n"])}]
    turns = [{"role": role, "content": text()} for _ in range(random.randint(1, 2)) for role in ("user", "assistant")]
    return system * random.randint(0, 1) + turns


def places(mask):
    return [i for i, bit in enumerate(mask) if bit]


def main():
    groups = []
    for model, changes in TOKENIZERS:
        source = os.path.join(MODELS, model)
        with tempfile.TemporaryDirectory() as directory:
            tokenizer_json = {**json.load(open(f"{source}/tokenizer.json")), **changes}
            config = {**json.load(open(f"{source}/tokenizer_config.json")), "tokenizer_class": "TokenizersBackend"}
            if model == "gpt2":
                config["eos_token"] = "<|endoftext|>"
            json.dump(tokenizer_json, open(f"{directory}/tokenizer.json", "w"))
            json.dump(config, open(f"{directory}/tokenizer_config.json", "w"))
            json.dump({"model_type": "llama"}, open(f"{directory}/config.json", "w"))
            tokenizer = AutoTokenizer.from_pretrained(directory)
        rows = []
        for number, source in enumerate(TEMPLATES):
            for _ in range(3):
                messages = conversation()
                made = tokenizer.apply_chat_template(
                    messages, chat_template=source, return_dict=True, return_assistant_tokens_mask=True
                )
                contents = [[message["role"], message["content"]] for message in messages]
                rows.append({"template": number, "messages": contents, "ids": made["input_ids"], "labels": places(made["assistant_masks"])})
        groups.append({"model": model, "changes": changes, "eos": tokenizer.eos_token, "rows": rows})
    with open(os.path.join(HERE, "masks.json"), "w") as file:
        file.write('{\n"templates": ' + json.dumps(TEMPLATES, ensure_ascii=False) + ',\n"groups": [\n')
        file.write(",\n".join(json.dumps(group, ensure_ascii=False) for group in groups) + "\n]\n}\n")


main()
