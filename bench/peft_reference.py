"""PyTorch + PEFT on the same machine, the same model directory and the same rows, as the yardstick for attune's speed.

    python bench/peft_reference.py --make-model qwen2.5-0.5b DIR [--corpus FILE ...]
    python bench/peft_reference.py --model DIR --data FILE [--dtype bfloat16] [--steps 10] [--length 512] [--threads N]

The first writes a randomly initialised model of that shape (qwen2.5-1.5b is known, too) with a tokenizer trained on the corpus.
The second tunes it with LoRA r=8 on all linear layers, one row of --length packed tokens a step, plain causal attention,
and prints JSON: tokens/s (median over the steps after the first), seconds to the end of the first step, peak memory.
FILE is an Alpaca JSON file, or a JSON list of {"input_ids": [...], "labels": [...]} with -100 where nothing is learnt.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time

STARTED = time.perf_counter()
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "goldens"))

import torch  # noqa: E402
import transformers  # noqa: E402

SHAPES = {
    "qwen2.5-0.5b": dict(
        vocab_size=151936,
        hidden_size=896,
        intermediate_size=4864,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        max_position_embeddings=32768,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        tie_word_embeddings=True,
    ),
}
SHAPES["qwen2.5-1.5b"] = SHAPES["qwen2.5-0.5b"] | dict(
    hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12
)


def main():
    args = arguments()
    if args.make_model:
        name, directory = args.make_model
        make_model(name, directory, args.corpus, args.seed)
    else:
        print(json.dumps(measure(args), indent=2))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make-model", nargs=2, metavar=("SHAPE", "DIR"), help=f"SHAPE: {', '.join(SHAPES)}")
    parser.add_argument("--corpus", nargs="*", default=[], help="text, JSON or JSON lines to train the tokenizer on")
    parser.add_argument("--model", help="model directory")
    parser.add_argument("--data", help="Alpaca JSON, or tokenized examples")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--length", type=int, default=512, help="tokens in a row")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args()
    if not args.make_model and not (args.model and args.data):
        parser.error("give --model and --data, or --make-model SHAPE DIR")
    return args


def make_model(name, directory, corpus, seed):
    from tokenizer import train_tokenizer

    torch.manual_seed(seed)
    texts = [open(path, encoding="utf-8").read() for path in corpus] or [__doc__]
    tokenizer = train_tokenizer((line for text in texts for line in text.splitlines()), 32000)
    tokenizer.save_pretrained(directory)
    eos, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    config = transformers.Qwen2Config(**SHAPES[name], bos_token_id=None, eos_token_id=eos, pad_token_id=pad)
    torch.set_default_dtype(torch.bfloat16)
    model = transformers.Qwen2ForCausalLM(config)
    model.generation_config = transformers.GenerationConfig(eos_token_id=eos, pad_token_id=pad, do_sample=False)
    model.save_pretrained(directory)
    print(f"{directory}: {sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens in the tokenizer")


def measure(args):
    from peft import LoraConfig, get_peft_model

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rows = packed_rows(args.model, args.data, args.length)
    base = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=getattr(torch, args.dtype))
    base.config.use_cache = False
    model = get_peft_model(base, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=2e-4, weight_decay=0.0)
    seconds, losses = [], []
    for step in range(args.steps):
        begun = time.perf_counter()
        input_ids, labels = rows[step % len(rows)]
        loss = model(input_ids=input_ids[None], labels=labels[None]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step == 0:
            first = time.perf_counter() - STARTED
        seconds.append(time.perf_counter() - begun)
        print(f"step {step + 1}: loss {losses[-1]:.4f}, {seconds[-1]:.2f} s", file=sys.stderr)
    steady = seconds[1:] or seconds
    return {
        "tool": f"torch {torch.__version__}, transformers {transformers.__version__}, peft {__import__('peft').__version__}",
        "dtype": args.dtype,
        "threads": args.threads,
        "length": args.length,
        "steps": args.steps,
        "trainedParameters": sum(p.numel() for p in trained),
        "tokensPerSecond": round(args.length / statistics.median(steady), 2),
        "secondsPerStep": [round(s, 3) for s in seconds],
        "secondsToFirstStep": round(first, 2),
        "peakRssBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "loadAverage": os.getloadavg()[0],  # well above `threads`: others were working too
        "losses": losses,
    }


def packed_rows(model, data, length):
    """The examples end to end, cut into full rows: [(input_ids [length], labels [length])]."""
    examples = json.load(open(data, encoding="utf-8"))
    if "input_ids" not in examples[0]:
        examples = tokenize_alpaca(model, examples)
    input_ids = [t for e in examples for t in e["input_ids"]]
    labels = [t for e in examples for t in e["labels"]]
    count = len(input_ids) // length
    if count == 0:
        raise SystemExit(f"{data}: {len(input_ids)} tokens do not fill one row of {length}")
    cut = lambda values, i: torch.tensor(values[i * length : (i + 1) * length])
    return [(cut(input_ids, i), cut(labels, i)) for i in range(count)]


def tokenize_alpaca(model, rows):
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    return [tokenize_row(tokenizer, row) for row in rows]


def tokenize_row(tokenizer, row):
    user = row["instruction"] + ("\n\n" + row["input"] if row.get("input") else "")
    messages = [{"role": "user", "content": user}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    answer = row["output"] + tokenizer.eos_token
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer_ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
    return {"input_ids": prompt_ids + answer_ids, "labels": [-100] * len(prompt_ids) + answer_ids}


if __name__ == "__main__":
    main()
