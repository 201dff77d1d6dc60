"""Trajectories of TRL's preference losses that attune must follow: TRL's own `_compute_loss` in a plain loop.

TRL sums log probabilities in float32, whose rounding moves a loss by up to 1.7e-5: here its per-token values are widened to
float64 before they are summed. What is left is float32's own rounding of the model: `exact.json` has the same run in float64, from
which TRL's losses are up to 2.5e-6 away.
"""

from types import SimpleNamespace

import torch
import trl
from peft import PeftModel
from trl.experimental.cpo import cpo_trainer
from trl.experimental.orpo import orpo_trainer
from trl.trainer import dpo_trainer, kto_trainer

from lib import GOLDENS, MADE_WITH, MODELS, fresh, load, read_json, readable, save_json, save_tensors
from training import SETTINGS, named_gradients, schedule

PREFERENCES = GOLDENS / "preferences"
EXAMPLES = GOLDENS / "data/tokens-chat-96.json"
INITIAL = GOLDENS / "training/llama-gqa-lora-all/initial"
ADAPTER = ("llama-gqa", "adapter")  # goes on from INITIAL, a frozen copy of which is the reference
FRESH = ("llama-gqa", "fresh")  # begins at B = 0; with its adapter off it is the reference
FULL = ("qwen2-tied", "full")  # all weights; a copy of the start is the reference
# name -> model and start, objective
CASES = {
    "dpo-fresh": (FRESH, dict(type="dpo", beta=0.1, lossType="sigmoid")),
    "dpo-sigmoid": (ADAPTER, dict(type="dpo", beta=0.1, lossType="sigmoid")),
    "dpo-hinge": (ADAPTER, dict(type="dpo", beta=0.2, lossType="hinge")),
    "dpo-ipo": (ADAPTER, dict(type="dpo", beta=0.5, lossType="ipo")),
    "dpo-robust": (ADAPTER, dict(type="dpo", beta=0.1, lossType="robust", labelSmoothing=0.2)),
    "dpo-full": (FULL, dict(type="dpo", beta=0.1, lossType="sigmoid")),
    "orpo": (ADAPTER, dict(type="orpo", beta=0.1)),
    "orpo-full": (FULL, dict(type="orpo", beta=0.5)),
    "simpo": (ADAPTER, dict(type="simpo", beta=2.0, simpoGamma=0.5)),
    "kto": (ADAPTER, dict(type="kto", beta=0.1, desirableWeight=1.0, undesirableWeight=1.5)),
    "kto-fresh": (FRESH, dict(type="kto", beta=0.1, desirableWeight=1.0, undesirableWeight=1.0)),
}


def make():
    for module in (dpo_trainer, kto_trainer, orpo_trainer, cpo_trainer):
        exact = module.selective_log_softmax
        module.selective_log_softmax = lambda logits, index, exact=exact: exact(logits, index).double()
    examples = read_json(EXAMPLES)["examples"]
    for name, ((model, start), objective) in CASES.items():
        make_case(name, model, start, objective, examples)


def make_case(name, model_name, start, objective, examples):
    directory = fresh(PREFERENCES / name)
    model, reference = open_models(MODELS / model_name, start)
    batches = [rows[i : i + 4] for rows in [pairs(examples)] for i in range(0, len(rows), 4)]
    metrics, gradients = train(model, reference, batches, objective)
    save_json(directory / "metrics.json", metrics)
    save_tensors(directory / "gradients.safetensors", gradients)
    exact, _ = train(*(m and m.double() for m in open_models(MODELS / model_name, start)), batches, objective)
    save_json(directory / "exact.json", {key: [row[key] for row in exact] for key in ("loss", "gradNorm")})
    adapter = {} if start == "full" else {"initial": str(INITIAL)}
    head = {"model": str(MODELS / model_name), "start": start, **adapter, "examples": str(EXAMPLES), "objective": objective}
    save_json(directory / "case.json", {**head, "settings": SETTINGS, "trl": trl.__version__, **MADE_WITH})
    readable(directory)
    print(f"  {name}: loss {metrics[0]['loss']:.5f} -> {metrics[-1]['loss']:.5f}", sorted(metrics[0]["metrics"]))


def open_models(directory, start):
    """-> the model that is trained, and a function that runs the reference's forward pass."""
    if start == "full":
        return load(directory).train(), load(directory)
    model = PeftModel.from_pretrained(load(directory), INITIAL, is_trainable=True)
    if start == "fresh":
        for parameter_name, p in model.named_parameters():
            if "lora_B" in parameter_name:
                torch.nn.init.zeros_(p)
    else:
        model.load_adapter(INITIAL, adapter_name="ref", is_trainable=False)
        model.set_adapter("default")
    return model.train(), None


def pairs(examples):
    """Row i's answer is the chosen one, row i + 1's the rejected one; every other row's answer is liked."""
    prompts, answers, masks = [], [], []
    for e in examples:
        first = e["label_mask"].index(1)
        prompts.append(e["input_ids"][:first])
        answers.append(e["input_ids"][first:])
        masks.append(e["label_mask"][first:])
    n = len(examples)
    return [
        dict(
            chosen=joined(prompts[i], answers[i], masks[i]),
            rejected=joined(prompts[i], answers[(i + 1) % n], masks[(i + 1) % n]),
            prompt=prompts[i],
            answer=(answers[i], masks[i]),
            desirable=i % 2 == 0,
        )
        for i in range(n)
    ]


def joined(prompt, answer, mask):
    return dict(ids=(prompt + answer)[:96], mask=([0] * len(prompt) + mask)[:96])


def padded(rows):
    """-> input_ids, attention_mask, completion_mask [n, T]"""
    longest = max(len(row["ids"]) for row in rows)
    pad = lambda values, fill: torch.tensor([v + [fill] * (longest - len(v)) for v in values])
    ids = pad([r["ids"] for r in rows], 317)
    return ids, pad([[1] * len(r["ids"]) for r in rows], 0), pad([r["mask"] for r in rows], 0)


def stand_in(kind, model, reference, objective):
    """TRL's trainer, without all that its loss does not read."""
    trainer = kind.__new__(kind)
    same = lambda value: value
    trainer.accelerator = SimpleNamespace(device="cpu", gather=same, gather_for_metrics=same, unwrap_model=same)
    trainer._metrics = {"train": {key: [] for key in KEYS}, "eval": {}}
    trainer._total_train_tokens, trainer._tp_size = 0, 1
    trainer.model, trainer.ref_model = model, reference
    trainer.args = SimpleNamespace(gradient_checkpointing_kwargs=None)
    trainer.beta, trainer.aux_loss_enabled, trainer.is_encoder_decoder = objective["beta"], False, False
    return trainer


KEYS = [
    *(f"{what}/{which}" for what in ("rewards", "logps", "logits") for which in ("chosen", "rejected")),
    *("rewards/margins", "rewards/accuracies", "entropy", "mean_token_accuracy", "num_tokens", "kl"),
]
OURS = ["rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "logps/chosen", "logps/rejected"]
OURS += ["nll_loss", "log_odds_ratio", "log_odds_chosen", "kl"]


def loss_of(model, reference, rows, objective):
    """-> loss, metrics by TRL's own code."""
    kind = objective["type"]
    if kind == "dpo":
        return dpo_loss(stand_in(trl.DPOTrainer, model, reference, objective), rows, objective)
    if kind == "kto":
        return kto_loss(stand_in(trl.KTOTrainer, model, reference, objective), rows, objective)
    kind_of = {"orpo": orpo_trainer.ORPOTrainer, "simpo": cpo_trainer.CPOTrainer}[kind]
    return concatenated_loss(stand_in(kind_of, model, reference, objective), rows, objective)


def dpo_loss(trainer, rows, objective):
    trainer.loss_types, trainer.loss_weights = [objective["lossType"]], [1.0]
    trainer.label_smoothing = objective.get("labelSmoothing", 0.0)
    trainer.f_divergence_type, trainer.ld_alpha, trainer.use_weighting = "reverse_kl", None, False
    trainer.precompute_ref_logps = False
    ids, attention, mask = padded([r["chosen"] for r in rows] + [r["rejected"] for r in rows])
    inputs = dict(input_ids=ids, attention_mask=attention, completion_mask=mask)
    loss = trainer._compute_loss(trainer.model, inputs, False)
    return loss, {key: values[-1] for key, values in trainer._metrics["train"].items() if values}


def kto_loss(trainer, rows, objective):
    trainer.loss_type, trainer.calculate_KL, trainer.use_liger_kernel, trainer._is_vlm = "kto", True, False, False
    trainer.desirable_weight, trainer.undesirable_weight = objective["desirableWeight"], objective["undesirableWeight"]
    trainer.precompute_ref_logps = False
    ids, attention, mask = padded([r["chosen"] for r in rows])
    kl_ids, kl_attention, kl_mask = padded([joined(r["prompt"], *rows[i - 1]["answer"]) for i, r in enumerate(rows)])
    inputs = dict(input_ids=ids, attention_mask=attention, completion_mask=mask)
    inputs.update(KL_input_ids=kl_ids, KL_attention_mask=kl_attention, KL_completion_mask=kl_mask)
    inputs["label"] = torch.tensor([r["desirable"] for r in rows])
    loss = trainer._compute_loss(trainer.model, inputs, False)
    return loss, {key: values[-1] for key, values in trainer._metrics["train"].items() if values}


def concatenated_loss(trainer, rows, objective):
    trainer.label_pad_token_id, trainer.padding_value, trainer.pad_token_id, trainer.loss_type = -100, 317, 317, "simpo"
    trainer.simpo_gamma, trainer.cpo_alpha, trainer.alpha = objective.get("simpoGamma"), 0.0, 0.0
    trainer.label_smoothing, trainer.max_length = 0.0, 96
    batch = {}
    for which in ("chosen", "rejected"):
        ids, attention, mask = padded([r[which] for r in rows])
        labels = torch.where(mask == 1, ids, -100)
        batch |= {f"{which}_input_ids": ids, f"{which}_attention_mask": attention, f"{which}_labels": labels}
    return trainer.get_batch_loss_metrics(trainer.model, batch)


def train(model, reference, batches, objective):
    """As training.py's, but for the loss."""
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    groups = [
        {"params": [p for p in trained.values() if p.dim() > 1], "weight_decay": SETTINGS["weightDecay"]},
        {"params": [p for p in trained.values() if p.dim() == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=0.0, betas=(0.9, 0.999), eps=1e-8, foreach=False)
    total, rows, gradients = len(batches), [], None
    for step, batch in enumerate(batches, 1):
        loss, metrics = loss_of(model, reference, batch, objective)
        loss.backward()
        if step == 1:
            gradients = named_gradients(model, trained) if isinstance(model, PeftModel) else plain_gradients(trained)
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), SETTINGS["maxGradNorm"], foreach=False)
        rate = SETTINGS["learningRate"] * schedule(SETTINGS["schedule"], step - 1, total, SETTINGS["warmupRatio"])
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
        ours = {key: float(metrics[key]) for key in OURS if key in metrics}
        if objective["type"] == "simpo":
            ours.pop("nll_loss", None)
        rows.append(dict(step=step, loss=loss.item(), learningRate=rate, gradNorm=norm.item(), metrics=ours))
    return rows, gradients


def plain_gradients(trained):
    return {name: p.grad.clone() for name, p in trained.items()}
