"""
The special tokens that transformers' AutoTokenizer finds, for random tokenizer_config.json, special_tokens_map.json,
added_tokens.json and config.json beside the tokenizers of test/cases/models. Writes special_tokens.json beside this
file:

    python src/pretrained/goldens/make_special_tokens.py     # transformers 5.18.0
"""

import json
import os
import random
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AutoTokenizer, logging  # noqa: E402

logging.set_verbosity_error()
HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "../../../test/cases/models")
TYPES = ["llama", "gpt2", "qwen2", "qwen3", "gpt_neox", "granite", "mistral", "olmo2", "phi3", "cohere", "smollm3"]
TYPES += ["starcoder2", "gemma2", "olmo", "olmo3", "phi", "cohere2", "mistral3", "ernie4_5", "nemotron", "exaone4", "falcon"]
CLASSES = [None, None, "TokenizersBackend", "PreTrainedTokenizerFast", "GPT2Tokenizer", "LlamaTokenizerFast"]
CLASSES += ["Qwen2TokenizerFast", "GPTNeoXTokenizerFast", "CohereTokenizerFast", "NoSuchTokenizer"]
random.seed(0)


def chance(share):
    return random.random() < share


def plain(token):
    fields = {"content": token, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False}
    return random.choice([token, {**fields, "special": True}])


def tagged(token):
    made = plain(token)
    return made if isinstance(made, str) else {**made, "__type": "AddedToken"}


def tokenizer_config(known, added):
    config = {}
    if name := random.choice(CLASSES):
        config["tokenizer_class"] = name
    for key in ["bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "mask_token"]:
        if chance(0.25):
            config[key] = random.choice([tagged(known()), None])
    if chance(0.2):
        config["image_token"] = known()
    if chance(0.3):
        config["extra_special_tokens"] = random.choice([[known()], {"boi": known(), "image_token": known()}, [], None])
    elif chance(0.2):
        config["additional_special_tokens"] = random.choice([[known()], [tagged(known())], {"boi": known()}])
    if chance(0.3):
        config["added_tokens_decoder"] = {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in added}
    return config


def special_tokens_map(known):
    if chance(0.5):
        return None
    keys = ["bos_token", "eos_token", "pad_token", "unk_token", "cls_token"]
    tokens = {key: None if chance(0.15) else plain(known()) for key in keys if chance(0.4)}
    return {**tokens, **({"additional_special_tokens": [known()]} if chance(0.3) else {})}


def row():
    model = random.choice(["chatml", "gpt2", "bos", "map"])
    tokenizer_json = json.load(open(f"{MODELS}/{model}/tokenizer.json"))
    added = tokenizer_json["added_tokens"]
    names = [token["content"] for token in added] + ["Ġthe", "a", "<no such>"]
    known = lambda: random.choice(names)  # noqa: E731
    files = {
        "tokenizer_config.json": tokenizer_config(known, added),
        "special_tokens_map.json": special_tokens_map(known),
        "added_tokens.json": {random.choice(names[:-1]): 511} if chance(0.2) else None,
        "config.json": {
            "model_type": random.choice(TYPES),
            **({"tokenizer_class": random.choice(CLASSES[2:])} if chance(0.15) else {}),
        },
    }
    with tempfile.TemporaryDirectory() as directory:
        json.dump(tokenizer_json, open(f"{directory}/tokenizer.json", "w"))
        for name, content in files.items():
            if content is not None:
                json.dump(content, open(f"{directory}/{name}", "w"))
        tokenizer = AutoTokenizer.from_pretrained(directory)
    vocabulary = {*tokenizer_json["model"]["vocab"], *names[:-1]}
    named = {key: token for key, token in tokenizer.special_tokens_map.items() if token in vocabulary}
    others = [token for token in tokenizer.extra_special_tokens if token in vocabulary]
    return {"model": model, "files": files, "named": named, "others": others}


with open(os.path.join(HERE, "special_tokens.json"), "w") as file:
    rows = [json.dumps(row(), ensure_ascii=False) for _ in range(150)]
    file.write("[\n" + ",\n".join(rows) + "\n]\n")
