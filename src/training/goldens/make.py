"""What torch.optim.AdamW, clip_grad_norm_ and transformers' schedules compute, for src/training's optimizer and schedule.

torch 2.13.0, transformers 5.18.0.  Run: python src/training/goldens/make.py
"""

import json
import math
import pathlib

import torch
import transformers

HERE = pathlib.Path(__file__).parent
SEED = 42
RATE = 2e-3
DECAY = 0.1
MAX_NORM = 1.0
STEPS = 25
SHAPES = {"matrix": [3, 4], "vector": [5]}
# Gradients of every size: clipped and not, and so small that AdamW's epsilon shows.
SIZES = [1e-9, 1e-3, 0.3, 10]
NAMES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


def main():
    torch.set_num_threads(1)
    golden = {
        "seed": SEED,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "adamw": {"learningRate": RATE, "weightDecay": DECAY, "maxGradNorm": MAX_NORM, **adamw()},
        "schedules": [schedule(name, ratio, n) for name in NAMES for ratio in (0, 0.03, 0.25, 1) for n in (1, 7, 20)],
    }
    (HERE / "optimizer.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def adamw():
    random = torch.Generator().manual_seed(SEED)
    parameters = {name: torch.nn.Parameter(torch.randn(shape, generator=random)) for name, shape in SHAPES.items()}
    initial = values(parameters)
    groups = [{"params": [p], "weight_decay": DECAY if p.dim() > 1 else 0.0} for p in parameters.values()]
    optimizer = torch.optim.AdamW(groups, lr=RATE, foreach=False)
    steps = []
    for i in range(STEPS):
        for p in parameters.values():
            p.grad = torch.randn(p.shape, generator=random) * SIZES[i % len(SIZES)]
        gradients = {name: p.grad.flatten().tolist() for name, p in parameters.items()}
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), MAX_NORM)
        optimizer.step()
        steps.append({"gradients": gradients, "gradNorm": norm.item(), "parameters": values(parameters)})
    return {"shapes": SHAPES, "initial": initial, "steps": steps}


def values(parameters):
    return {name: p.detach().flatten().tolist() for name, p in parameters.items()}


def schedule(name, ratio, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)
    warmup = min(math.ceil(steps * ratio), steps - 1)  # attune's own bound: the last step has the full rate
    scheduler = transformers.get_scheduler(NAMES[name], optimizer, num_warmup_steps=warmup, num_training_steps=steps)
    rates = []
    for _ in range(steps):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return {"name": name, "warmupRatio": ratio, "learningRate": RATE, "rates": rates}


main()
