"""TRL's side of the comparison: SFTTrainer and DPOTrainer on the rows that attune gets, as it tells how it goes.

    python bench/trl_reference.py JOB

JOB is JSON, written by bench/suite. Prints a line of JSON at the first step's start, at each step's end and at the end, as
bench/attune_side.ts does.
"""

import json
import os
import resource
import sys
import time

import datasets
import peft
import torch
import transformers
import trl
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

SETTINGS = dict(
    learning_rate=2e-4,
    lr_scheduler_type="constant",
    warmup_steps=0,
    weight_decay=0.0,
    max_grad_norm=1.0,
    logging_strategy="no",
    save_strategy="no",
    report_to="none",
    disable_tqdm=True,
    dataloader_pin_memory=False,
    use_cpu=True,
    train_sampling_strategy="sequential",
    output_dir="/tmp/attune-bench-trl",
)


def main():
    job = json.loads(sys.argv[1])
    torch.set_num_threads(job.get("threads") or os.cpu_count())
    datasets.disable_progress_bars()
    datasets.disable_caching()
    transformers.logging.set_verbosity_error()
    rows = [json.loads(line) for line in open(job["data"], encoding="utf-8")]
    {"sft": sft, "dpo": dpo, "prepare": prepare}[job["task"]](job, rows)
    tell("end", peakBytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def tell(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


def sft(job, rows):
    packed = job["layout"] == "packed"
    tokens = sum(len(row.get("input_ids", [])) for row in rows)
    config = trl.SFTConfig(
        **common(job), max_length=job["maxLength"], packing=packed, completion_only_loss="prompt" in rows[0]
    )
    trainer = trl.SFTTrainer(
        model=load(job),
        args=config,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(job["model"]),
    )
    train(trainer, examples=(lambda seen: seen * len(rows) / tokens) if packed else None, job=job)


def dpo(job, rows):
    timed = {"reference": 0.0}
    compute = trl.DPOTrainer._precompute_ref_logps

    def measured(self, *args):
        begun = time.perf_counter()
        result = compute(self, *args)
        timed["reference"] += time.perf_counter() - begun
        return result

    trl.DPOTrainer._precompute_ref_logps = measured
    config = trl.DPOConfig(
        **common(job), max_length=job["maxLength"], beta=0.1, precompute_ref_log_probs=job.get("precompute", False)
    )
    trainer = trl.DPOTrainer(
        model=load(job),
        args=config,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(job["model"]),
    )
    train(trainer, job=job, timed=timed)


def prepare(job, rows):
    """What SFTTrainer does to a dataset before its first step."""
    seconds = []
    compute = trl.SFTTrainer._prepare_dataset

    def measured(self, *args):
        begun = time.perf_counter()
        result = compute(self, *args)
        seconds.append(time.perf_counter() - begun)
        return result

    trl.SFTTrainer._prepare_dataset = measured
    config = trl.SFTConfig(
        **common({"steps": 1, "batchSize": 1, **job}), max_length=job["maxLength"], dataset_num_proc=job.get("workers")
    )
    trl.SFTTrainer(
        model=load(job),
        args=config,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(job["model"]),
    )
    tell("start", **versions())
    tell("step", seconds=sum(seconds), tokens=0, examples=len(rows))


def common(job):
    accumulated = job.get("layout") in ("accumulated", "packed")
    size, passes = (1, job["batchSize"]) if accumulated else (job["batchSize"], 1)
    if job.get("layout") == "packed":
        passes = max(1, passes // 2)  # two of Alpaca's rows fill one of 512 tokens
    return dict(
        **{**SETTINGS, "use_cpu": job.get("device") != "cuda"},
        max_steps=job["steps"],
        per_device_train_batch_size=size,
        gradient_accumulation_steps=passes,
        gradient_checkpointing=job.get("checkpointing", False),
        bf16=job.get("dtype") == "bfloat16",
    )


def load(job):
    dtype = getattr(torch, job.get("dtype", "float32"))
    place = dict(device_map={"": 0}) if job.get("device") == "cuda" else {}
    base = AutoModelForCausalLM.from_pretrained(job["model"], dtype=dtype, **place, **quantization(job, dtype))
    base.config.use_cache = False
    if job.get("quantization"):
        base = peft.prepare_model_for_kbit_training(base, use_gradient_checkpointing=job.get("checkpointing", False))
    return peft.PeftModel.from_pretrained(base, job["adapter"], is_trainable=True) if job.get("adapter") else base


def quantization(job, dtype):
    """bitsandbytes' NF4, with blocks as attune has them."""
    if not job.get("quantization"):
        return {}
    settings = dict(load_in_4bit=True, bnb_4bit_quant_type=job["quantization"], bnb_4bit_compute_dtype=dtype)
    return dict(quantization_config=transformers.BitsAndBytesConfig(**settings))


def train(trainer, job, examples=None, timed=None):
    """Times what lies between a step's begin and its end: data, passes, clipping and update."""
    state = {"loss": 0.0, "tokens": 0, "begun": 0.0, "started": False}
    one_pass = trainer.training_step

    def training_step(model, inputs, *args):
        mask = inputs.get("attention_mask")
        state["tokens"] += int(mask.sum()) if mask is not None else inputs["input_ids"].numel()
        loss = one_pass(model, inputs, *args)
        state["loss"] += loss.item()
        return loss

    class Clock(TrainerCallback):
        def on_step_begin(self, *_, **__):
            if not state["started"]:
                tell("start", before=timed["reference"] if timed else 0, **versions())
            state.update(started=True, loss=0.0, tokens=0, begun=time.perf_counter())

        def on_step_end(self, *_, **__):
            seconds, tokens = time.perf_counter() - state["begun"], state["tokens"]
            count = examples(tokens) if examples else job["batchSize"]
            tell("step", seconds=seconds, tokens=tokens, examples=count, loss=state["loss"])

    trainer.training_step = training_step
    trainer.add_callback(Clock())
    trainer.train()


def versions():
    names = dict(torch=torch, transformers=transformers, peft=peft, trl=trl)
    return {"versions": {name: module.__version__ for name, module in names.items()}}


if __name__ == "__main__":
    main()
