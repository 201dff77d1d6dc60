"""Ids, offsets and decoded text by Hugging Face tokenizers, for one small tokenizer of each kind attune reads.

tokenizers 0.23.2.  Run: python src/tokenizers/goldens/make_encode.py
"""

import json
import pathlib

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
CORPUS = [
    "Below is an instruction that describes a task. Write a response that completes the request.",
    "the theme of the thesis is there; these are theirs, they're thin, it's we'll I'VE",
    "你好，世界！你好吗？世界很大。今天天气很好，今天天气不好。",
    "def main():\n    return 42\n\n    print('hello world')\n",
    "naïve café déjà vu 😀😀 hello hello world world user assistant system",
] * 4
TEXTS = [
    "",
    " ",
    "hello",
    " hello  world   ",
    "Hello, world!\n\n\n  indented\t12345 IT'S it's we'll 3.14",
    "你好，世界！龘靐齉 𠮷野家",
    "emoji 😀 👩‍👩‍👧 flag 🇫🇷 end",
    "cafe\u0301 Å \u1112\u1161\u11ab ﬁ ½ ①",
    "<s>hello</s> world",
    "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\nworld<|im_end|>\n",
    "a <tool> b<tool>c <tool>",
    "x <mask> y<mask>z  <mask>  ",
    "word wordly sword word",
    "▁literal ▁ mark <0x41> <unk>",
    "zero\u200bwidth\ufeffbom\u0085nel\u00a0nbsp\x00null",
    "🏳️‍🌈<|im_end|>🏳️‍🌈 <|im_end|> <|im_end|>",
]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def add_tokens(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>", "<|im_start|>", AddedToken("<|im_end|>", special=True)])
    tokenizer.add_tokens(
        [
            AddedToken("<tool>", normalized=True),
            AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False),
            AddedToken("word", single_word=True, normalized=False),
        ]
    )
    return tokenizer


def byte_level(normalizer, pre_tokenizer, prefix: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=prefix)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=380, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return add_tokens(tokenizer)


def split_then_bytes(pattern: str) -> pre_tokenizers.PreTokenizer:
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])


def sentencepiece_bpe(normalizer, pre_tokenizer, decoder) -> Tokenizer:
    """BPE over characters with a token for each byte, like Llama 2's and Gemma's."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    trainer = trainers.BpeTrainer(vocab_size=260, limit_alphabet=90, show_progress=False)
    learner.train_from_iterator(CORPUS, trainer)
    learned = json.loads(learner.to_str())["model"]
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + list(learned["vocab"])
    vocab = {name: i for i, name in enumerate(names)}
    merges = [tuple(merge) for merge in learned["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    return add_tokens(tokenizer)


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always", split=True)
    trainer = trainers.UnigramTrainer(vocab_size=150, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return add_tokens(tokenizer)


def llama2_decoder(strip: bool) -> decoders.Decoder:
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strip else []))


TOKENIZERS = {
    "llama3": byte_level(None, split_then_bytes(LLAMA3), False),
    "qwen2": byte_level(normalizers.NFC(), split_then_bytes(LLAMA3.replace(r"{1,3}", "")), False),
    "gpt2": byte_level(None, pre_tokenizers.ByteLevel(False, use_regex=True), False),
    "roberta": byte_level(None, pre_tokenizers.ByteLevel(True, use_regex=True), True),
    "falcon": byte_level(
        normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]),
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(r"[,.!]"), "merged_with_previous"),
                pre_tokenizers.Split(" ", "merged_with_next"),
                pre_tokenizers.ByteLevel(False, use_regex=True),
                pre_tokenizers.Digits(individual_digits=True),
            ]
        ),
        False,
    ),
    "llama2": sentencepiece_bpe(
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None, llama2_decoder(True)
    ),
    "mistral": sentencepiece_bpe(
        None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), llama2_decoder(True)
    ),
    "gemma": sentencepiece_bpe(
        normalizers.Replace(" ", "▁"), pre_tokenizers.Split(" ", "merged_with_previous"), llama2_decoder(False)
    ),
    "unigram": unigram(),
}


def utf16(text: str, index: int) -> int:
    return len(text[:index].encode("utf-16-le")) // 2


def case(tokenizer: Tokenizer, text: str) -> dict:
    encoding = tokenizer.encode(text, add_special_tokens=False)
    return {
        "text": text,
        "ids": encoding.ids,
        "offsets": [[utf16(text, start), utf16(text, end)] for start, end in encoding.offsets],
        "decoded": tokenizer.decode(encoding.ids, skip_special_tokens=False),
        "withoutSpecial": tokenizer.decode(encoding.ids, skip_special_tokens=True),
    }


golden = {
    "tokenizers": tokenizers.__version__,
    "kinds": {
        name: {"json": json.loads(tokenizer.to_str()), "cases": [case(tokenizer, text) for text in TEXTS]}
        for name, tokenizer in TOKENIZERS.items()
    },
}
(HERE / "encode.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")
