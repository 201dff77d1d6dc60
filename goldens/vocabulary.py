"""What tokenizers encodes with tokenizers that attune extended."""

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

import tokenizers

OUT = Path("src/tokenizers/goldens/extended.json")
TEXTS = json.loads(Path("goldens/vocabulary/texts.json").read_text("utf8"))["encode"]


def make():
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
