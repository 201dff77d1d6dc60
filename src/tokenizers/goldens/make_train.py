"""Trains Hugging Face tokenizers' own BPE on a small text: what src/tokenizers/train.ts must give too.

tokenizers 0.23.2.  Run: python src/tokenizers/goldens/make_train.py
"""

import json
import pathlib

import tokenizers
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CONTRACTIONS = "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEXTS = [
    "the theme of the thesis is there; these are theirs, they're thin. aaaa aaaaa aaa bananas banana",
    "one 1 two 22 three 333 four 4444 2024-01-02 12345 12345, it's we'll I'VE\n\n\tindented   text  \r\n ends ",
    "你好，世界！你好吗？世界很大。数字一二三。今天天气很好，今天天气不好。",
    "naïve café déjà vu 😀😀 👩‍👩‍👧 émigré naïve café",
] * 3


def train(digits: str, vocab_size: int) -> dict:
    pattern = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits + REST
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return {"vocabSize": vocab_size, "vocab": model["vocab"], "merges": model["merges"]}


golden = {
    "tokenizers": tokenizers.__version__,
    "specialTokens": SPECIAL,
    "texts": TEXTS,
    "individualDigits": train(r"\p{N}", 400),
    "groupedDigits": train(r"\p{N}{1,3}", 1000),
}
(HERE / "train.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")
