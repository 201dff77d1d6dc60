"""What tokenizers encodes with tokenizers that attune extended."""

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

import tokenizers

OUT = Path("src/tokenizers/goldens/extended.json")
TEXTS = json.loads(Path("goldens/vocabulary/texts.json").read_text("utf8"))["encode"]
UNIGRAM = Path("src/tokenizers/goldens/unigram.json")
UNIGRAM_SIZE = 500


def make_unigram():
    """A tokenizer that attune learned, as tokenizers reads it."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "tokenizer.json"
        subprocess.run(["node", "--import", "tsx", "goldens/vocabulary/train_unigram.ts", str(path), str(UNIGRAM_SIZE)], check=True)
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        encoded = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
        golden = {
            "tokenizers": tokenizers.__version__,
            "vocabSize": UNIGRAM_SIZE,
            "size": tokenizer.get_vocab_size(),
            "ids": encoded,
            "texts": [tokenizer.decode(ids, skip_special_tokens=False) for ids in encoded],
        }
    UNIGRAM.write_text(json.dumps(golden, ensure_ascii=False) + "\n", "utf8")


def make():
    make_unigram()
    kinds = {}
    with tempfile.TemporaryDirectory() as made:
        subprocess.run(["node", "--import", "tsx", "goldens/vocabulary/extend_tokenizers.ts", made], check=True)
        for path in sorted(Path(made).glob("*.json")):
            tokenizer = tokenizers.Tokenizer.from_file(str(path))
            kinds[path.stem] = {
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "size": tokenizer.get_vocab_size(),
                "ids": [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS],
            }
    OUT.write_text(json.dumps({"tokenizers": tokenizers.__version__, "kinds": kinds}) + "\n", "utf8")
