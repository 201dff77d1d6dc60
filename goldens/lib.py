"""What the generators share: places, randomness, files. Paths are relative to the repository root (make.py goes there)."""

import json
import shutil
from pathlib import Path

import peft
import safetensors
import tokenizers
import torch
import transformers
from safetensors.torch import save_file

SEED = 42
GOLDENS = Path("goldens")
MODELS = GOLDENS / "models"
MADE_WITH = {
    "seed": SEED,
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "peft": peft.__version__,
    "tokenizers": tokenizers.__version__,
    "safetensors": safetensors.__version__,
}


def fresh(directory):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def readable(directory):
    """safetensors files come out with mode 600."""
    for path in directory.rglob("*.safetensors"):
        path.chmod(0o644)


def generator(*name):
    """Randomness that depends on its name only, so that one golden can be remade without the others."""
    seed = SEED
    for character in "/".join(map(str, name)):
        seed = (seed * 1000003 + ord(character)) % (1 << 61)
    return torch.Generator().manual_seed(seed)


class Encoder(transformers.PreTrainedModel):
    """Stands for Gemma 3n's encoders, of which one needs timm: no text goes through them."""

    config_class = transformers.Gemma3nVisionConfig

    def __init__(self, config):
        super().__init__(config)
        self.proj = torch.nn.Linear(config.hidden_size, 1)
        self.post_init()


class Ear(Encoder):
    config_class = transformers.Gemma3nAudioConfig


for encoder in (Encoder, Ear):
    transformers.AutoModel._model_mapping._extra_content[encoder.config_class] = encoder


def auto_class(config):
    """What sees images is loaded whole: as a causal language model transformers may load its text model alone."""
    sees = type(config) in transformers.AutoModelForImageTextToText._model_mapping
    return transformers.AutoModelForImageTextToText if sees else transformers.AutoModelForCausalLM


def load(directory, dtype=torch.float32):
    model = auto_class(transformers.AutoConfig.from_pretrained(directory)).from_pretrained(
        directory, dtype=dtype, attn_implementation="eager", experts_implementation="eager"
    )
    return model.eval()


def load_tokenizer(directory):
    return transformers.AutoTokenizer.from_pretrained(directory)


@torch.no_grad()
def logits_of(model, input_ids):
    """input_ids [n, T], each sequence in a pass of its own -> logits [n, T, vocab], hidden [n, T, hidden]."""
    passes = [model(input_ids=row[None], output_hidden_states=True, use_cache=False) for row in input_ids]
    return torch.cat([p.logits for p in passes]), torch.cat([p.hidden_states[-1] for p in passes])


def save_tensors(path, tensors):
    save_file({name: t.detach().contiguous().clone() for name, t in tensors.items()}, path, metadata={"format": "pt"})


def save_json(path, value):
    Path(path).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def save_examples(path, head, examples, key="examples"):
    """JSON with one example a line, so that diffs stay readable."""
    lines = ",\n  ".join(json.dumps(e, ensure_ascii=False, separators=(",", ":")) for e in examples)
    body = json.dumps(head, ensure_ascii=False, indent=1)[:-2]
    Path(path).write_text(f'{body},\n "{key}": [\n  {lines}\n ]\n}}\n', encoding="utf-8")


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))
