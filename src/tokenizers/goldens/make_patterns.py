"""Where Hugging Face tokenizers' Split cuts texts, for patterns of tokenizers in use and for each piece of syntax.

tokenizers 0.23.2.  Run: python src/tokenizers/goldens/make_patterns.py
"""

import json
import pathlib
import random

import tokenizers
from tokenizers import Regex, pre_tokenizers

HERE = pathlib.Path(__file__).parent
IN_USE = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen3.5": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    "o200k": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "tekken": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "deepseek-llm": r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-Ֆﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏]+",
    "deepseek-v3": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "deepseek-v3-han": "[一-龥\u3040-ゟ゠-ヿ]+",
    "bloom": r" ?[^(\s|[.,!?…。，、।۔،])]+",
    "falcon": r"[0-9][0-9][0-9]",
    "starcoder": r"\p{N}",
    "phi": r"[\p{P}\$\+<=>\^~\|]+|\d{3}",
    "chameleon": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]+|\p{Han}+",
    "gemma": " ",
}
SYNTAX = r"""
a++b|a*+a|a?+a|(?:ab)++|(?:ab|a)++b|a+++|a+*|a*+*|a??+|(?:a|ab)++c
(?>a+)b|(?>a|ab)c|(?>ab|a)c|(?>\s*)\n|(?>a+b?)b
(?>(?:ab?)+)b
a{2,3}|a{2,3}?|a{2}?b|a{2}+|a{1,2}+|\p{N}{1,3}+|a{,2}|a{3,1}b|a{3,1}?|a{0}b|a{,}|a{}|a{1|a{1,x}|{|}|]|x{
a{3,1}
a{1,3}+b
a{2}{3}|a{2}*b
a*?b|a+?b|a??b|a{1,}?b|(?:a|b)*?c|(?:a|b)+?
(?i:'s|'t|ab)|(?i)k|(?i)[a-k]|(?i)[^k]|(?i:é)|(?i:я)|(?i:σ)
a(?i)b|c
(a(?i)b)c|((?i)a|b)c
(?i)a(?-i)b|(?i-i)c
(?i)\p{Lu}
(?i)[\p{Lu}]
(?m).|(?m:a.b)|(?-m).
(?x) a b # a comment
(?x: a [ #] b )c d
(?im-x:a.)|(?mi)a.
a(?#comment)b|a(?#)+
(?<n>a)b|(?'n'a)b|(a)(b)|()|(|a)b
^|$
^a|b$
\A.|.\z|.\Z|\Z|\z
\b|\B
\b\w+\b|\Ba
(?<=a)b|(?<!a)b|(?<=a|bc)d|(?<=a*)b|(?<=a{2,3})b|(?<=\p{L}+)\d|(?<=^)a|(?<!^)a|(?<=\s)(?=\S)
(?<=\R)b
(?=a)|(?!a)
(?=ab)a|(?!ab)a|a(?=\s)|\s+(?!\S)|a(?!b)b|(?!)
(?=(?<=a)b)
(?:|a)*|(?:a|)*|(?:a?)*b|(?:a??)*b?|(?:a*)*b|(?:a*)+b|(?:a*?)+b
\R|\R+|\R{2}|\r\R
\N+|\O|\N*
.
\d+|\D+
\w+|\W+
[\w]+|[\W]+|[^\w]+
\s+|\S+
[\s]+|[^\s]+|[\S]+
\h+|\H+
[\h]+
\t|\n|\r|\f|\v|\a|\e|\x41|\x{e9}|\x{1F600}|\u00e9|\u0041|\o{101}|\0|\cA|\C-A
\q|\_|\-|\/|\é|\'|\"|\#|\@|\%|\=|\&|\,|\:|\;|\~|\!|\<|\>
\pL|\PL
\p{L}+|\P{L}+|\p{^L}+|\P{^L}+|\p{ l_u }|\p{Upper-case}
\p{Letter}+|\p{Lowercase_Letter}+|\p{Uppercase}|\p{White_Space}|\p{Alphabetic}+
\p{Han}+|\p{Hiragana}+|\p{Latin}+|\p{Cyrillic}+|\p{Greek}+|\p{Arab}+
\p{Punct}+|[\p{punct}]+
\p{Alnum}+|\p{Graph}+|\p{Print}+|\p{Cntrl}|\p{Blank}|\p{XDigit}+|\p{ASCII}+|\p{Any}
\p{word}+|[\p{word}]+
[[:alpha:]]+|[[:digit:]]+|[[:^alpha:]]+|[[:space:]]
[[:punct:]]+|[[:upper:]]|[[:lower:]]+|[[:alnum:]]+|[[:xdigit:]]+|[[:cntrl:]]|[[:blank:]]+|[[:graph:]]+|[[:print:]]+|[[:ascii:]]+|[[:word:]]+
[[:alpha:][:digit:]_]+|[^[:space:]]+
[a-z&&[^aeiou]]+|[a-c&&b-d]+|[^a&&b]+|[a&&]|[a&b]+|[\w&&[^\d]]+|[a-z&&[aeiou]&&[^e]]+
[[a]b]+|[[^a]b]+|[a[^b]]|[a[b[c]]]+
[]a]+|[^]a]+
[-a]+|[a-]+|[a\-z]+|[--a]+|[a-c-e]+|[a-c-]+|[\s-]+|[$^]+|[(|)]+|[.]|[\.]|[#]|[\]]|[\b]|[\n]|[\e]
[\x41-\x43]+|[\u0041-C]+|[a-é]+|[\101-\103]+|[\R]|[\X]|[\q]|[\Z]|[\N]
a|*|+
""".strip().split("\n")
SINGLE = {r"(?x) a b # a comment", r"a(?i)b|c", r"(?im-x:a.)|(?mi)a.", r"(?x: a [ #] b )c d", r"(?m).|(?m:a.b)|(?-m).", r"(?i)a(?-i)b|(?i-i)c"}
TEXTS = [
    "",
    "ab aab aaab aaaab abb aXb ac abc abcd add bcd ad",
    "The tide turned.\n\n  It's WE'LL we're I'VE 12345 3.14, o'clock!\r\n\r\n\tdone  ",
    "  \n \n at six  \n",
    "a\nb\n",
    "A b c\rd\x0be\x0cf\x85g\u2028h\u2029i\u00a0j\u3000k\ufeffl\u200bm\u200dn",
    "naïve CAFÉ Straße ſs Kk Åå Σσς я Я İi ıI ﬁ",
    "你好，世界！１２３ ٣٤ ½²³¹ ⅷ ㊿ かな カナ 한국어 עברית العربية हिन्दी",
    "emoji 😀👩‍👩‍👧 🇫🇷 e\u0301 a\u0302\u0323 \U0001d538\U0001d539 \U00020bb7",
    "x[y]z {q} (r) a-b_c.d,e;f:g!h?i|j#k$l%m^n&o*p+q=r~s`t@u\\v/w<x>y\"z'",
    "\x00\x01\x07\x08\x1b\x1f\x7f",
    "a{1 a{1,x} a{,} {} ]} x{",
    "q_-/é'\"#@%=&,:;~!<>",
]


def utf16(text: str) -> list[int]:
    """UTF-16 offset of each place of the text."""
    places = [0]
    for char in text:
        places.append(places[-1] + len(char.encode("utf-16-le")) // 2)
    return places


def cut(pattern, text: str, behavior: str, invert: bool) -> list[int]:
    places = utf16(text)
    pieces = pre_tokenizers.Split(pattern, behavior, invert).pre_tokenize_str(text)
    return [places[place] for _, span in pieces for place in span]


def options(line: str) -> list[str]:
    """Alternatives of a line are patterns of their own, too; a line that makes no sense in parts is one pattern."""
    if line in SINGLE:
        return [line]
    parts, depth, part, i = [], 0, "", 0
    while i < len(line):
        char = line[i]
        if char == "\\":
            part += line[i : i + 2]
            i += 2
            continue
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(char, 0) if depth or char in "([" else 0
        if char == "|" and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += char
        i += 1
    return [line, *parts, part] if parts else [part]


def computable(source: str, texts: list[str]) -> bool:
    """Whether Oniguruma reads the pattern, and finishes the texts within its limit of retries."""
    try:
        case(source, texts)
        return True
    except BaseException:
        return False


def case(source: str, texts: list[str]) -> dict:
    pattern = Regex(source)
    return {
        "pattern": source,
        # for each text: spans of what was matched, one after another; and where the pieces begin that it was cut into
        "matched": [cut(pattern, text, "removed", True) for text in texts],
        "begins": [cut(pattern, text, "isolated", False)[::2] for text in texts],
    }


def random_pattern(rng: random.Random, depth: int) -> str:
    atoms = ["a", "b", " ", r"\s", r"\S", r"\d", r"\w", r"\p{L}", r"\p{N}", r"[^\s\p{L}]", "[a-c]", ".", r"\n", "'", "é", r"[\r\n]", r"\p{Lu}", r"\p{M}"]
    signs = ["", "", "", "*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{1,2}", "{2}", "{2,}", "{1,2}+"]
    places = ["^", "$", r"\b", r"(?!\S)", r"(?=\s)", "(?<=a)", "(?<!b)", r"\z"]
    parts = []
    for _ in range(rng.choice([1, 2, 2, 3])):
        if rng.random() < 0.12:
            parts.append(rng.choice(places))
        elif depth > 0 and rng.random() < 0.35:
            group = rng.choice(["(?:", "(", "(?>", "(?i:"])
            parts.append(f"{group}{random_pattern(rng, depth - 1)}){rng.choice(signs)}")
        else:
            parts.append(rng.choice(atoms) + rng.choice(signs))
    return "".join(parts) + (f"|{random_pattern(rng, depth - 1)}" if depth > 0 and rng.random() < 0.4 else "")


rng = random.Random(0)
syntax = dict.fromkeys(part for line in SYNTAX for part in options(line))
drawn = dict.fromkeys(random_pattern(rng, 2) for _ in range(200))
behaviors = ["isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"]
golden = {
    "tokenizers": tokenizers.__version__,
    "texts": TEXTS,
    "inUse": [{"name": name, **case(source, TEXTS)} for name, source in IN_USE.items()],
    "syntax": [case(source, TEXTS) for source in syntax if computable(source, TEXTS)],
    "drawn": [case(source, TEXTS[1:4]) for source in drawn if computable(source, TEXTS[1:4])],
    "behaviors": [
        {
            "pattern": source,
            "behavior": behavior,
            "invert": invert,
            "cut": [cut(Regex(source), text, behavior, invert) for text in TEXTS[1:5]],
        }
        for source in ["a", r"\s+", "a?", r"\b", "[ab]", r"$"]
        for behavior in behaviors
        for invert in [False, True]
    ],
}
(HERE / "patterns.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
print({key: len(value) for key, value in golden.items()})
