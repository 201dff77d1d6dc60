"""Scores of committed answers, as others compute them: sacrebleu's BLEU and chrF; ROUGE-L by the algorithm that rouge_score
publishes, and F1 by SQuAD's, each written here from their description, since neither package is at hand; likelihoods of
choices, perplexity and token accuracy by transformers. Writes goldens/evaluation/*.json.

    python goldens/evaluation.py
"""

import json
import os
import re
import string
from pathlib import Path

os.chdir(Path(__file__).parent.parent)
OUT = Path("goldens/evaluation")

# Answers and references: [answer, references].
SAMPLES = {
    "english": [
        ["The cat sat on the mat.", ["The cat sat on the mat."]],
        ["A cat is sitting on a mat!", ["The cat sat on the mat.", "There is a cat on the mat."]],
        ["It costs 3,500.50 dollars -- or 10-20% more.", ["It costs 3,500.50 dollars, or 10-20% more."]],
        ["He said: &quot;Tom &amp; Jerry&quot; <skipped>", ['He said: "Tom & Jerry".']],
        ["", ["Nothing was said."]],
        ["Déjà vu, naïve café — “quotes” and ’apostrophes’.", ["Deja vu, naive cafe - \"quotes\" and 'apostrophes'."]],
        ["line one\nline two-\nbroken", ["line one line two broken", "line one"]],
        ["the the the the", ["the cat the dog"]],
        ["Paris", ["The Paris."]],
        ["x = {a: [1, 2], b: 3.14} @ 100$", ["x = {a: [1, 2], b: 3.14}"]],
        ["trailing spaces   \t ", ["trailing spaces"]],
    ],
    "chinese": [
        ["我喜欢吃苹果。", ["我喜欢吃香蕉。"]],
        ["今天天气很好，适合去公园散步。", ["今天天气不错，适合到公园散步。", "天气很好，去公园吧。"]],
        ["使用 Python 3.11 训练模型", ["用 Python 3.11 来训练模型。"]],
        ["北京是中国的首都。", ["北京是中国的首都。"]],
        ["“引号”和（括号）", ["\"引号\"和(括号)"]],
    ],
    "short": [["yes", ["yes"]], ["no", ["yes"]], ["maybe so", ["maybe"]]],
    "nothing": [["a b c", ["x y z"]], ["", ["q"]]],
}


def corpus(name, samples):
    import sacrebleu

    answers = [answer for answer, _ in samples]
    width = max(len(references) for _, references in samples)
    streams = [[refs[i] if i < len(refs) else None for _, refs in samples] for i in range(width)]
    bleu = {t: sacrebleu.metrics.BLEU(tokenize=t, force=True) for t in ("13a", "zh")}
    chrf = sacrebleu.metrics.CHRF()
    whole = {f"bleu {t}": metric.corpus_score(answers, streams).score / 100 for t, metric in bleu.items()}
    whole["chrf"] = chrf.corpus_score(answers, streams).score / 100
    rows = [
        {
            "answer": answer,
            "references": references,
            "chrf": chrf.sentence_score(answer, references).score / 100,
            "bleu 13a": bleu["13a"].corpus_score([answer], [[r] for r in references]).score / 100,
            "bleu zh": bleu["zh"].corpus_score([answer], [[r] for r in references]).score / 100,
            "rougeL": max(rouge_l(r, answer) for r in references),
            "f1": max(squad_f1(r, answer) for r in references),
        }
        for answer, references in samples
    ]
    return {"name": name, **whole, "rows": rows}


def rouge_l(target, prediction):
    """rouge_score, default tokenizer, no stemming: the F-measure of the longest common subsequence."""
    a, b = (re.sub(r"[^a-z0-9]+", " ", text.lower()).split() for text in (target, prediction))
    if not a or not b:
        return 0.0
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    precision, recall = table[-1][-1] / len(b), table[-1][-1] / len(a)
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def squad_f1(target, prediction):
    """SQuAD's evaluation script: lower case, no punctuation, no articles; words in common."""

    def words(text):
        text = "".join(c for c in text.lower() if c not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", text).split()

    a, b = words(target), words(prediction)
    if not a or not b:
        return float(len(a) == len(b))
    common = sum(min(a.count(w), b.count(w)) for w in set(a))
    return 2 * common / (len(a) + len(b))


MODEL = "demo/base"  # pretrained, so that some tokens are right
TEXTS = ["The opposite of hot is cold.", "Monday comes before Tuesday.", "3 and 4 make 7."]
CHOICES = [
    {"prompt": "The opposite of hot is", "choices": [" cold", " warm", " a very long way"]},
    {"prompt": "3 and 4 make", "choices": [" 6", " 7", " 8", " seventeen"]},
    {"prompt": "Monday, Tuesday,", "choices": [" Wednesday", " Friday", " colours"]},
]


def likelihoods():
    import torch
    import transformers

    torch.set_num_threads(1)
    model = transformers.AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager")
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    model.eval()

    @torch.no_grad()
    def log_probabilities(ids):
        return torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)

    texts = []
    for text in TEXTS:
        ids = tokenizer(text + tokenizer.eos_token)["input_ids"]
        logp = log_probabilities(ids)
        nll = [-logp[t - 1, ids[t]].item() for t in range(1, len(ids))]
        right = [int(logp[t - 1].argmax().item() == ids[t]) for t in range(1, len(ids))]
        texts.append({"text": text, "ids": ids, "nll": sum(nll), "labels": len(nll), "right": sum(right)})
    total, labels = sum(t["nll"] for t in texts), sum(t["labels"] for t in texts)
    perplexity = float(torch.exp(torch.tensor(total / labels, dtype=torch.float64)))

    choices = []
    for row in CHOICES:
        start = tokenizer(row["prompt"])["input_ids"]
        sums = []
        for choice in row["choices"]:
            ids = tokenizer(row["prompt"] + choice)["input_ids"]
            assert ids[: len(start)] == start
            logp = log_probabilities(ids)
            sums.append(sum(logp[t - 1, ids[t]].item() for t in range(len(start), len(ids))))
        lengths = [len(choice.strip()) for choice in row["choices"]]
        choices.append(
            {
                **row,
                "logLikelihoods": sums,
                "best": max(range(len(sums)), key=lambda i: sums[i]),
                "bestByLength": max(range(len(sums)), key=lambda i: sums[i] / lengths[i]),
            }
        )
    return {
        "model": MODEL,
        "texts": texts,
        "loss": total / labels,
        "perplexity": perplexity,
        "tokenAccuracy": sum(t["right"] for t in texts) / labels,
        "choices": choices,
    }


def write(name, value):
    (OUT / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    import sacrebleu
    import torch
    import transformers

    OUT.mkdir(exist_ok=True)
    made = {"sacrebleu": sacrebleu.__version__}
    write("scores.json", {"madeWith": made, "corpora": [corpus(*item) for item in SAMPLES.items()]})
    made = {"torch": torch.__version__, "transformers": transformers.__version__}
    write("likelihoods.json", {"madeWith": made, **likelihoods()})
