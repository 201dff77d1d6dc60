"""Trajectories of PEFT and transformers that attune must follow, by a plain loop over examples."""

import math

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from transformers import get_scheduler

from lib import GOLDENS, MADE_WITH, MODELS, fresh, generator, load, logits_of, readable, read_json, save_json, save_tensors
from tokens import write_tokens

TRAINING = GOLDENS / "training"
# Here a rate 1% off, a forgotten decay or a forgotten clip moves the loss by 2e-5 to 2e-3.
SETTINGS = dict(
    epochs=1, batchSize=4, learningRate=2e-3, weightDecay=0.1, warmupRatio=0.1, schedule="cosine", maxGradNorm=1, maxLength=96
)
QV = ["q_proj", "v_proj"]
# name -> model, target modules (None: all weights), template, what differs from SETTINGS
CASES = {
    "llama-gqa-lora-qv": ("llama-gqa", QV, "chat", {}),
    "mistral-window-lora-qv": ("mistral-window", QV, "chat", {}),
    "qwen2-tied-lora-qv": ("qwen2-tied", QV, "chat", {}),
    "llama-gqa-lora-all": ("llama-gqa", "all-linear", "chat", {}),
    "llama-bf16-lora-all": ("llama-bf16", "all-linear", "chat", {}),
    "llama-gqa-full": ("llama-gqa", None, "chat", {}),
    "qwen2-tied-full": ("qwen2-tied", None, "chat", {}),
    "mistral-window-full": ("mistral-window", None, "chat", {}),
    "llama-gqa-last-1": ("llama-gqa", None, "chat", dict(trainableLayers=1)),
    "qwen2-tied-last-2": ("qwen2-tied", None, "chat", dict(trainableLayers=2)),
    "llama-gqa-lora-alpaca": ("llama-gqa", QV, "alpaca", dict(maxLength=256)),
    "llama-gqa-lora-drops": ("llama-gqa", QV, "chat", dict(maxLength=48, epochs=2, schedule="linear", maxGradNorm=5)),
}


def make():
    check_schedule()
    for name, (model, targets, template, changes) in CASES.items():
        settings = {**SETTINGS, **changes}
        make_case(name, MODELS / model, targets, write_tokens(template, settings["maxLength"]), settings)


def make_case(name, model_directory, targets, examples_path, settings):
    directory = fresh(TRAINING / name)
    examples = read_json(examples_path)["examples"]
    if targets:
        write_initial_adapter(directory / "initial", model_directory, targets, generator("adapter", name))
    model = freeze(load_trainable(model_directory, directory, torch.float32), settings)
    metrics, gradients = train(model, examples, settings)
    exact, _ = train(freeze(load_trainable(model_directory, directory, torch.float64), settings), examples, settings)

    save_json(directory / "metrics.json", metrics)
    save_tensors(directory / "gradients.safetensors", gradients)
    model.save_pretrained(directory / "final")
    strip(directory)
    input_ids = torch.randint(0, model.config.vocab_size, (1, 40), generator=generator("logits", name))
    save_tensors(directory / "logits.safetensors", {"input_ids": input_ids, "logits": logits_of(model, input_ids)[0]})
    adapter = {"adapter": dict(r=8, alpha=16, targetModules=targets)} if targets else {}
    head = {"model": str(model_directory), "examples": str(examples_path), "settings": settings, **adapter}
    noise = {key: relative_difference(metrics, exact, key) for key in ("loss", "gradNorm")}
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    save_json(directory / "case.json", {**head, "trainedParameters": count, "float32Noise": noise, **MADE_WITH})
    readable(directory)
    report(name, metrics, noise)


def write_initial_adapter(directory, model_directory, targets, g):
    config = LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM")
    model = get_peft_model(load(model_directory), config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_A" in name:  # PEFT's own kaiming-uniform, from our generator
                p.copy_((torch.rand(p.shape, generator=g) * 2 - 1) / math.sqrt(p.shape[1]))
            if "lora_B" in name:  # not zero, so that A has a gradient in the first step
                p.copy_(torch.randn(p.shape, generator=g) * 0.1)
    model.save_pretrained(directory)


def load_trainable(model_directory, directory, dtype):
    model = load(model_directory, torch.float32)
    if (directory / "initial").exists():
        model = PeftModel.from_pretrained(model, directory / "initial", is_trainable=True)
    return model.to(dtype).train()  # no dropout anywhere


def freeze(model, settings):
    """All but the last `trainableLayers` layers, as mlx-lm's `num_layers` and LLaMA-Factory's `freeze` do."""
    if "trainableLayers" in settings:
        model.requires_grad_(False)
        model.model.layers[-settings["trainableLayers"] :].requires_grad_(True)
    return model


def train(model, examples, settings):
    """The whole run: -> metrics, a row a step; the first step's gradients before clipping."""
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    matrices = [p for p in trained.values() if p.dim() > 1]
    vectors = [p for p in trained.values() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": settings["weightDecay"]}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=0.0, betas=(0.9, 0.999), eps=1e-8, foreach=False)
    size = settings["batchSize"]
    batches = [examples[i : i + size] for i in range(0, len(examples), size)]
    total = len(batches) * settings["epochs"]
    metrics, gradients = [], None
    for step in range(1, total + 1):
        batch = batches[(step - 1) % len(batches)]
        labels = sum(sum(e["label_mask"]) for e in batch)
        loss = sum(loss_of(model, e) for e in batch) / labels
        loss.backward()
        if step == 1:
            gradients = named_gradients(model, trained)
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), settings["maxGradNorm"], foreach=False)
        rate = settings["learningRate"] * schedule(settings["schedule"], step - 1, total, settings["warmupRatio"])
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
        row = dict(step=step, epoch=step / len(batches), loss=loss.item(), learningRate=rate, gradNorm=norm.item())
        metrics.append({**row, "supervisedTokens": labels, "tokens": sum(len(e["input_ids"]) for e in batch)})
    return metrics, gradients


def loss_of(model, example):
    """Summed over the example's labels; logits at t - 1 predict token t."""
    input_ids = torch.tensor(example["input_ids"])
    mask = torch.tensor(example["label_mask"], dtype=torch.bool)
    assert not mask[0]
    logits = model(input_ids=input_ids[None], use_cache=False).logits[0]
    return F.cross_entropy(logits[:-1][mask[1:]], input_ids[1:][mask[1:]], reduction="sum")


def schedule(kind, i, total, warmup_ratio):
    """transformers/optimization.py, get_{linear,cosine,constant}_schedule_with_warmup."""
    warmup = math.ceil(total * warmup_ratio)
    if i < warmup:
        return i / max(1, warmup)
    q = (i - warmup) / max(1, total - warmup)
    return {"cosine": 0.5 * (1 + math.cos(math.pi * q)), "linear": 1 - q, "constant": 1.0}[kind]


def check_schedule():
    """Our formulas are transformers'."""
    for kind in ("cosine", "linear"):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        theirs = get_scheduler(kind, optimizer, num_warmup_steps=2, num_training_steps=20)
        for i in range(20):
            assert math.isclose(theirs.get_last_lr()[0], schedule(kind, i, 20, 0.1), abs_tol=1e-12), (kind, i)
            optimizer.step()
            theirs.step()


def named_gradients(model, trained):
    """By the names in the saved files: PEFT leaves the adapter's own name (".default") out."""
    gradients = {n.replace(".default.weight", ".weight"): p.grad.clone() for n, p in trained.items()}
    if isinstance(model, PeftModel):
        assert set(gradients) == set(get_peft_model_state_dict(model))
    return gradients


def strip(directory):
    """PEFT's model card and transformers' generation config say nothing here."""
    for pattern in ("*/README.md", "*/generation_config.json"):
        for path in directory.glob(pattern):
            path.unlink()


def relative_difference(metrics, exact, key):
    return max(abs(a[key] - b[key]) / abs(b[key]) for a, b in zip(metrics, exact, strict=True))


def report(name, metrics, noise):
    losses, norms = [m["loss"] for m in metrics], [m["gradNorm"] for m in metrics]
    print(
        f"  {name}: {len(metrics)} steps, loss {losses[0]:.4f} -> {losses[-1]:.4f}, gradNorm {min(norms):.2f}..{max(norms):.2f}, "
        f"float32 noise {noise['loss']:.1e} in loss, {noise['gradNorm']:.1e} in gradNorm"
    )
