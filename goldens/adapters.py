"""Trajectories of PEFT for everything an adapter can be beyond plain LoRA, by the loop of training.py."""

import math

import torch
from peft import IA3Config, LoraConfig, PeftModel, VeraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer

from lib import GOLDENS, MADE_WITH, MODELS, fresh, generator, load, logits_of, readable, read_json, save_json, save_tensors
from training import SETTINGS, load_trainable, loss_of, relative_difference, schedule, strip
from tokens import write_tokens

ADAPTERS = GOLDENS / "adapters"
QV = ["q_proj", "v_proj"]
IA3 = dict(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"])
STEPS = 20
# name -> model, what is special in LoraConfig, what is special in the optimizer
CASES = {
    "llama-rslora": ("llama-gqa", dict(use_rslora=True), {}),
    "qwen2-rslora": ("qwen2-tied", dict(use_rslora=True), {}),
    "llama-dora": ("llama-gqa", dict(use_dora=True), {}),
    "qwen2-dora": ("qwen2-tied", dict(use_dora=True, target_modules="all-linear"), {}),
    "bf16-dora-rslora": ("llama-bf16", dict(use_dora=True, use_rslora=True), {}),
    "gpt2-dora": ("../families/gpt2", dict(use_dora=True, target_modules=["c_attn", "c_proj"]), {}),
    "llama-loraplus": ("llama-gqa", dict(), dict(loraplus_lr_ratio=16.0)),
    "qwen2-loraplus-dora": ("qwen2-tied", dict(use_dora=True), dict(loraplus_lr_ratio=4.0)),
    "llama-patterns": (
        "llama-gqa",
        dict(
            target_modules=["q_proj", "v_proj", "up_proj", "down_proj"],
            rank_pattern={"layers.1.self_attn.q_proj": 4, "v_proj": 2},
            alpha_pattern={r"layers\.[02]\..*q_proj": 32, "up_proj": 5},
            exclude_modules=["layers.2.mlp.up_proj"],
        ),
        {},
    ),
    "qwen2-patterns": (
        "qwen2-tied",
        dict(target_modules=["q_proj", "k_proj", "o_proj"], layers_to_transform=[0, 2], rank_pattern={"k_proj": 3}),
        {},
    ),
    "llama-save-ends": ("llama-gqa", dict(modules_to_save=["embed_tokens", "lm_head"]), {}),
    "qwen2-save-embed": ("qwen2-tied", dict(modules_to_save=["embed_tokens"]), {}),
    "qwen2-save-head-norms": ("qwen2-tied", dict(modules_to_save=["lm_head", "norm", "layers.1.mlp.up_proj"]), {}),
    "llama-bias-all": ("llama-bias", dict(bias="all"), {}),
    "qwen2-bias-lora": ("qwen2-tied", dict(bias="lora_only", target_modules=["q_proj", "o_proj"]), {}),
    "gpt2-bias-all": ("../families/gpt2", dict(bias="all", target_modules=["c_attn"]), {}),
    "llama-lora-ends": ("llama-gqa", dict(target_modules=["q_proj", "embed_tokens", "lm_head"]), {}),
    "qwen2-lora-ends": ("qwen2-tied", dict(target_modules=["q_proj", "embed_tokens", "lm_head"]), {}),
    "llama-dora-ends": ("llama-gqa", dict(use_dora=True, target_modules=["q_proj", "embed_tokens", "lm_head"]), {}),
    "llama-loraplus-ends": (
        "llama-gqa",
        dict(target_modules=["v_proj", "embed_tokens"], modules_to_save=["norm"]),
        dict(loraplus_lr_ratio=8.0, loraplus_lr_embedding=5e-4),
    ),
    "llama-tokens": ("llama-gqa", dict(trainable_token_indices=[318, 319, 65]), {}),
    "qwen2-tokens": ("qwen2-tied", dict(trainable_token_indices={"embed_tokens": [319, 66]}), {}),
    "llama-ia3": ("llama-bias", dict(kind="ia3", **IA3), {}),
    "qwen2-ia3": ("qwen2-tied", dict(kind="ia3", **IA3, exclude_modules=["layers.1.mlp.down_proj"]), {}),
    "gpt2-ia3": ("../families/gpt2", dict(kind="ia3", target_modules=["c_attn", "mlp.c_proj"], feedforward_modules=["mlp.c_proj"]), {}),
    "bf16-ia3": ("llama-bf16", dict(kind="ia3", **IA3, modules_to_save=["lm_head"]), {}),
    "llama-vera": ("llama-gqa", dict(kind="vera", r=40, target_modules="all-linear"), {}),
    "qwen2-vera": ("qwen2-tied", dict(kind="vera", target_modules=["q_proj", "v_proj"], layers_to_transform=[0, 2], bias="vera_only"), {}),
    "gpt2-vera": ("../families/gpt2", dict(kind="vera", target_modules=["c_attn"], save_projection=False, projection_prng_key=7), {}),
}


def make():
    for name, (model, config, optimizer) in CASES.items():
        make_case(name, MODELS / model, config, optimizer)


def make_case(name, model_directory, changes, rates):
    model_directory = (GOLDENS / "families" / model_directory.name) if ".." in str(model_directory) else model_directory
    directory = fresh(ADAPTERS / name)
    examples_path = write_tokens("chat", SETTINGS["maxLength"])
    examples = read_json(examples_path)["examples"]
    write_initial(directory / "initial", model_directory, changes, generator("adapters", name))
    model = load_trainable(model_directory, directory, torch.float32)
    metrics = train(model, examples, rates)
    exact = train(load_trainable(model_directory, directory, torch.float64), examples, rates)
    save_json(directory / "metrics.json", metrics)
    model.save_pretrained(directory / "final")
    strip(directory)
    input_ids = torch.randint(0, model.config.vocab_size, (1, 40), generator=generator("logits", name))
    logits = logits_of(model.eval(), input_ids)[0]
    with model.disable_adapter():
        assert (logits_of(model, input_ids)[0] - logits).abs().max() > 0.05
    save_tensors(directory / "logits.safetensors", {"input_ids": input_ids, "logits": logits})
    noise = {key: relative_difference(metrics, exact, key) for key in ("loss", "gradNorm")}
    head = {"model": str(model_directory), "examples": str(examples_path), "settings": SETTINGS, "rates": rates}
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    save_json(directory / "case.json", {**head, "trainedParameters": count, "float32Noise": noise, **MADE_WITH})
    readable(directory)
    print(f"  {name}: loss {metrics[0]['loss']:.4f} -> {metrics[-1]['loss']:.4f}, float32 noise {noise['loss']:.1e}")


def config_of(kind="lora", **changes):
    if kind == "ia3":
        return IA3Config(task_type="CAUSAL_LM", **changes)
    if kind == "vera":
        return VeraConfig(**{**dict(r=24, d_initial=0.1, task_type="CAUSAL_LM"), **changes})
    return LoraConfig(**{**dict(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=QV, task_type="CAUSAL_LM"), **changes})


def write_initial(directory, model_directory, changes, g):
    model = get_peft_model(load(model_directory), config_of(**changes))
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_A" in name or "lora_embedding_A" in name:
                p.copy_((torch.rand(p.shape, generator=g) * 2 - 1) / math.sqrt(p.shape[1]))
            if "lora_B" in name or "lora_embedding_B" in name:  # not zero, so that A has a gradient in the first step
                p.copy_(torch.randn(p.shape, generator=g) * 0.1)
            if "lora_magnitude_vector" in name:
                p.mul_(1 + 0.1 * torch.randn(p.shape, generator=g))
            if "ia3_l" in name:
                p.mul_(1 + 0.2 * torch.randn(p.shape, generator=g))
            if "vera_lambda_d" in name:
                p.mul_(1 + 0.5 * torch.randn(p.shape, generator=g))
            if "vera_lambda_b" in name:  # not zero, so that d has a gradient in the first step
                p.copy_(torch.randn(p.shape, generator=g) * 0.1)
    model.save_pretrained(directory)


def train(model, examples, rates):
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    optimizer = optimizer_of(model, trained, rates)
    size = SETTINGS["batchSize"]
    batches = [examples[i : i + size] for i in range(0, len(examples), size)]
    starts = [group["lr"] for group in optimizer.param_groups]
    metrics = []
    for step in range(1, STEPS + 1):
        batch = batches[(step - 1) % len(batches)]
        labels = sum(sum(e["label_mask"]) for e in batch)
        loss = sum(loss_of(model, e) for e in batch) / labels
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), SETTINGS["maxGradNorm"], foreach=False)
        factor = schedule(SETTINGS["schedule"], step - 1, STEPS, SETTINGS["warmupRatio"])
        for group, start in zip(optimizer.param_groups, starts, strict=True):
            group["lr"] = start * factor
        optimizer.step()
        optimizer.zero_grad()
        row = dict(step=step, loss=loss.item(), learningRate=SETTINGS["learningRate"] * factor, gradNorm=norm.item())
        metrics.append({**row, "supervisedTokens": labels, "tokens": sum(len(e["input_ids"]) for e in batch)})
    return metrics


def is_decayed(name, p):
    """All but biases and norms, which are the vectors of the base: DoRA's and VeRA's are decayed, as by transformers' Trainer."""
    return p.dim() > 1 or "lora_magnitude_vector" in name or "vera_lambda" in name


def optimizer_of(model, trained, rates):
    """Norms are not decayed, with LoRA+ either, whose groups decay those that are no LayerNorm."""
    options = dict(betas=(0.9, 0.999), eps=1e-8, foreach=False)
    decayed = {p for name, p in trained.items() if is_decayed(name, p)}
    decay = dict(loraplus_weight_decay=SETTINGS["weightDecay"])
    if rates:
        optimizer = torch.optim.AdamW
        theirs = create_loraplus_optimizer(model, optimizer, lr=SETTINGS["learningRate"], **decay, **rates, **options).param_groups
    else:
        theirs = [{"params": list(trained.values()), "lr": SETTINGS["learningRate"]}]
    groups = []
    for group in theirs:
        for decays in (True, False):
            own = [p for p in group["params"] if (p in decayed) == decays]
            if own:
                groups.append({"params": own, "lr": group["lr"], "weight_decay": SETTINGS["weightDecay"] if decays else 0.0})
    return torch.optim.AdamW(groups, lr=SETTINGS["learningRate"], **options)
