"""A LoRA step of transformers and PEFT over layers with a gated delta rule, 2,048 tokens, 2 threads, float32.

    python bench/delta_step.py make DIR      # a model of Qwen 3.5's kind: three such layers and one that attends
    python bench/delta_step.py run DIR       # seconds of each step, and of the CPU
    npx tsx bench/quantized_step.ts --model DIR --length 2048 --labels 2047 --threads 2      # attune's
"""

import sys
import time

import torch
import transformers
from peft import LoraConfig, get_peft_model

SIZES = dict(vocab_size=8000, hidden_size=512, intermediate_size=1536, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=2)
LINEAR = dict(linear_num_key_heads=4, linear_num_value_heads=8, linear_key_head_dim=128, linear_value_head_dim=128)
REST = dict(head_dim=64, tie_word_embeddings=True, max_position_embeddings=4096, pad_token_id=0, eos_token_id=1, bos_token_id=None)


def make(directory):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model("qwen3_5_text", **SIZES, **LINEAR, **REST)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(directory)


def run(directory):
    torch.set_num_threads(2)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")).train()
    tokens = (torch.arange(2048) * 7919 % SIZES["vocab_size"])[None]
    for _ in range(3):
        start, before = time.time(), time.process_time()
        model(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
        model.zero_grad()
        print(f"{time.time() - start:.1f} s, {time.process_time() - before:.1f} s of CPU", flush=True)


if __name__ == "__main__":
    {"make": make, "run": run}[sys.argv[1]](sys.argv[2])
