"""How Python's `datasets` shares out the files of a repository among splits: python goldens/hub.py

Writes goldens/hub/data_files.json; needs `datasets` (version in the JSON).
"""

import json
import tempfile
from pathlib import Path

import datasets
from datasets.data_files import get_data_patterns, resolve_pattern

LAYOUTS = [
    ["data.csv"],
    ["b.jsonl", "a.jsonl", "sub/c.jsonl"],
    ["train.csv", "test.csv"],
    ["data/train.csv", "data/test.csv"],
    ["train_0.csv", "train_1.csv", "train_10.csv", "train_2.csv", "test_0.csv", "test_1.csv"],
    ["data/train/shard_0.csv", "data/train/shard_1.csv", "data/test/shard_0.csv"],
    ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet"],
    ["data/random-00000-of-00001-abc.parquet", "data/validation-00000-of-00001.parquet", "data/extra.parquet"],
    ["train-00000-of-00001.parquet", "valid-00000-of-00001.parquet"],
    ["default/train/0000.parquet", "default/train/0001.parquet", "default/test/0000.parquet"],
    ["my-train-file.jsonl", "my_dev_file.jsonl", "evaluation.jsonl"],
    ["training.json", "validation.json", "testing.json"],
    ["trainer.json", "contest.json"],
    ["train.jsonl.gz", "eval.jsonl.zst"],
    ["a/my-train/x.json", "a/my-train-2/y.json", "a/test_x/z.json"],
    ["train.json", ".hidden/train.json", "__pycache__/train.json", ".train.json"],
    ["Train.json", "TEST.json"],
    ["train/README.md", "train/a.json", "config.json", "dataset_infos.json"],
    ["train 1.json", "train.v2.json", "dev0.json"],
    ["val.json", "valid.json", "train-train.json"],
    ["test/a.json"],
    ["ä-train.json", "訓練.json"],
]


def splits_of(files):
    with tempfile.TemporaryDirectory() as directory:
        for file in files:
            path = Path(directory, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        return {str(split): found(directory, patterns) for split, patterns in get_data_patterns(directory).items()}


def found(directory, patterns):
    """In the order of DataFilesList.from_patterns; a file that two patterns find once."""
    paths = []
    for pattern in patterns:
        try:
            paths += resolve_pattern(pattern, directory)
        except FileNotFoundError:
            continue
    return list(dict.fromkeys(str(Path(path).relative_to(directory)) for path in paths))


def make():
    layouts = [{"files": files, "splits": splits_of(files)} for files in LAYOUTS]
    path = Path(__file__).resolve().parent / "hub" / "data_files.json"
    path.parent.mkdir(exist_ok=True)
    golden = {"datasets": datasets.__version__, "layouts": layouts}
    path.write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    make()
