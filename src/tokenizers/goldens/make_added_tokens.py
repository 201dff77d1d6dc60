"""Ids and offsets by Hugging Face tokenizers around added tokens of every kind.

tokenizers 0.23.2.  Run: python src/tokenizers/goldens/make_added_tokens.py
"""

import json
import pathlib
import random

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

HERE = pathlib.Path(__file__).parent
SPACES = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u180e\u2000\u2003\u200a\u200b\u200c\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
# Letters, marks, digits, connectors and joiners are words to Rust's \w; numbers and symbols that look alike are not
NEIGHBOURS = "aZé你かא\u0301\u0903\u20dd_‿︳0٣²½Ⅷ①ªⓐ𝔸𐒠-'.😀\u200c\u200d\u200b\ufeff\xad·\u02bc々〇"


def flags(content: str, names: str, normalized: bool = False, special: bool = False) -> AddedToken:
    chosen = {name: True for name in names.split()}
    return AddedToken(content, normalized=normalized, special=special, **chosen)


def tokenizer(tokens: list[AddedToken], normalizer=None, pre_tokenizer=None) -> Tokenizer:
    vocab = {char: i for i, char in enumerate(["<unk>", *"abcdefghijklmnopqrstuvwxyzAB <>|/_▁.1\n"])}
    made = Tokenizer(models.BPE(vocab, [], unk_token="<unk>"))
    if normalizer:
        made.normalizer = normalizer
    if pre_tokenizer:
        made.pre_tokenizer = pre_tokenizer
    made.add_special_tokens([token for token in tokens if token.special])
    made.add_tokens([token for token in tokens if not token.special])
    return made


MIXED = [
    flags("<l>", "lstrip"),
    flags("<r>", "rstrip"),
    flags("<lr>", "lstrip rstrip"),
    flags("<s>", "single_word"),
    flags("<sl>", "single_word lstrip"),
    flags("<plain>", "", special=True),
]
WORDS = [flags("ab", "single_word"), flags("abc", "single_word"), flags("b c", "single_word"), flags("<|x|>", "")]
BLANK = [flags("<r>", "rstrip"), flags("<l>", "lstrip"), flags(" ", ""), flags("\n\n", ""), flags("  ", "")]
NORMALIZED = [
    flags("<N>", "", normalized=True),
    flags("Ab", "single_word", normalized=True),
    flags("<m>", "lstrip rstrip", normalized=True),
    flags("a b", "", normalized=True),
    flags("<raw>", "", special=True),
    flags("é", "", normalized=True),
]
spaces = normalizers.Replace(" ", "▁")
TOKENIZERS = {
    "strips and words": tokenizer(MIXED),
    "whole words": tokenizer(WORDS),
    "white space that is a token": tokenizer(BLANK),
    "normalized": tokenizer(NORMALIZED),
    "normalized, lower case": tokenizer(NORMALIZED, normalizers.Lowercase()),
    "normalized, composed": tokenizer(NORMALIZED, normalizers.NFC()),
    "normalized, decomposed": tokenizer(NORMALIZED, normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase()])),
    "normalized, spaces replaced": tokenizer(NORMALIZED, spaces),
    "normalized, prepended": tokenizer(NORMALIZED, normalizers.Sequence([normalizers.Prepend("▁"), spaces])),
    "normalized, by a pattern": tokenizer(NORMALIZED, normalizers.Replace(Regex(r"\s+|(?<=a)b++"), "_")),
    "mixed, prepended": tokenizer(MIXED, normalizers.Prepend("▁")),
    "mixed, metaspace": tokenizer(MIXED, None, pre_tokenizers.Metaspace(prepend_scheme="first", split=True)),
    "mixed, metaspace always": tokenizer(MIXED, None, pre_tokenizers.Metaspace(prepend_scheme="always", split=False)),
    "mixed, split": tokenizer(MIXED, None, pre_tokenizers.Split(Regex(r"\s+|\p{L}++"), "merged_with_next")),
}
rng = random.Random(0)
PIECES = [*"ab c_.1\n", "  ", "\t", "\x85", "\ufeff", "\u200d", "é", "e\u0301", "A", "Ab", "ab", "abc", "a b", "😀", "\n\n"]
PIECES += ["<l>", "<r>", "<lr>", "<s>", "<sl>", "<plain>", "<|x|>", "<N>", "<n>", "<m>", "<raw>", "<"]
DRAWN = ["".join(rng.choice(PIECES) for _ in range(rng.choice([3, 6, 10]))) for _ in range(60)]


def utf16(text: str, index: int) -> int:
    return len(text[:index].encode("utf-16-le")) // 2


def case(made: Tokenizer, text: str) -> list:
    encoding = made.encode(text, add_special_tokens=False)
    spans = [utf16(text, place) for span in encoding.offsets for place in span]
    return [text, encoding.ids, spans]


def texts(name: str) -> list[str]:
    around = [f"a{space}{token}{space}b" for space in SPACES for token in ["<lr>"]] if name == "strips and words" else []
    beside = [f"{char}ab{char} ab{char} {char}ab" for char in NEIGHBOURS] if name == "whole words" else []
    return ["", *around, *beside, *DRAWN]


golden = {
    "tokenizers": tokenizers.__version__,
    "kinds": {
        name: {"json": json.loads(made.to_str()), "cases": [case(made, text) for text in texts(name)]}
        for name, made in TOKENIZERS.items()
    },
}
(HERE / "added_tokens.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
