"""What transformers answers greedily: tiny models of goldens/families, and the demo's base model in a chat."""

import torch
from safetensors.torch import load_file

from lib import GOLDENS, MADE_WITH, fresh, load, load_tokenizer, save_json

PROMPT, NEW = 8, 16
CHAT = [{"role": "user", "content": "Write the word stone in capital letters."}]


def answer(model, ids, count, **options):
    kept = torch.ones_like(ids)
    # Tiny models never end: each token counts.
    out = model.generate(ids, attention_mask=kept, do_sample=False, max_new_tokens=count, pad_token_id=0, **options)
    return out[0, ids.shape[1] :].tolist()


def make():
    tokens = {}
    for path in sorted((GOLDENS / "families").iterdir()):
        model = load(path)
        model.generation_config.eos_token_id = None
        ids = load_file(path / "logits.safetensors")["input_ids"][:1, :PROMPT]
        tokens[path.name] = " ".join(map(str, answer(model, ids, NEW)))
    base = GOLDENS.parent / "demo" / "base"
    model, tokenizer = load(base), load_tokenizer(base)
    prompt = tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_tensors="pt", return_dict=True)["input_ids"]
    ids = answer(model, prompt, 48)
    chat = {"messages": CHAT, "text": tokenizer.decode(ids, skip_special_tokens=True)}
    fresh(GOLDENS / "onnx")
    save_json(GOLDENS / "onnx" / "greedy.json", {"made_with": MADE_WITH, "prompt": PROMPT, "tokens": tokens, "chat": chat})
