"""Remakes every golden: python goldens/make.py [stage …], all or those of STAGES below.

`families=olmo3,phi` makes those of a stage alone: names of its cases, or any model_type of transformers.

Needs torch, transformers, peft, tokenizers, safetensors (versions in each golden's JSON).
"""

import os
import sys
from pathlib import Path

STAGES = [
    *("models", "training", "adapters", "generation", "merge", "quantization", "qlora", "families", "combine", "preferences"),
    *("foreign_adapters", "ends", "config_keys", "vocabulary", "gguf_files", "mlx_names", "greedy", "mxfp4", "target_parameters", "tensorboard_events"),
]


def main():
    stages = sys.argv[1:] or STAGES
    unknown = [stage for stage in stages if stage.partition("=")[0] not in STAGES]
    if unknown:
        raise SystemExit(f"unknown stages {unknown}; there are {STAGES}")
    os.chdir(Path(__file__).resolve().parent.parent)
    import torch

    torch.set_num_threads(1)  # another number of threads sums in another order
    torch.use_deterministic_algorithms(True)
    for stage in stages:
        print(f"{stage} …", flush=True)
        module, _, names = stage.partition("=")
        __import__(module).make(*filter(None, names.split(",")))


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # PEFT writes target_modules in set order
        os.environ.update(PYTHONHASHSEED="0", HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TQDM_DISABLE="1")
        os.execv(sys.executable, [sys.executable, *sys.argv])
    main()
