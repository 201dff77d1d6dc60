"""The gated delta rule over two sequences, token by token: values and gradients by PyTorch's autograd in float64.

`read` is what delta_rule.ts must give for both sequences in one row, `learnt` what it learns; gradients are those of
sum(read * dy). transformers' own recurrent form is checked to give the same.

torch 2.13.0, transformers 5.18.0, safetensors 0.8.0.  Run: python src/models/goldens/make_delta_rule.py
"""

import pathlib

import torch
from safetensors.torch import save_file
from transformers.models.qwen3_next.modeling_qwen3_next import torch_recurrent_gated_delta_rule

HERE = pathlib.Path(__file__).parent
LENGTHS, H, G, DK, DV = [97, 43], 2, 2, 8, 6


def recurrent(q, k, v, decay, beta):
    memory = torch.zeros(H, G, DK, DV, dtype=q.dtype)
    read, learnt = [], []
    for t in range(len(q)):
        memory = memory * decay[t].exp()[..., None, None]
        u = beta[t][..., None] * (v[t] - torch.einsum("hgkv,hk->hgv", memory, k[t]))
        memory = memory + torch.einsum("hk,hgv->hgkv", k[t], u)
        read.append(torch.einsum("hgkv,hk->hgv", memory, q[t]))
        learnt.append(u)
    return torch.stack(read), torch.stack(learnt)


def theirs(q, k, v, decay, beta):
    wide = [x.repeat_interleave(G, 1)[None] for x in (q, k)]
    rest = [x.flatten(1, 2)[None] for x in (v, decay, beta)]
    y, _ = torch_recurrent_gated_delta_rule(wide[0] * DK**0.5, wide[1], rest[0], g=rest[1], beta=rest[2])
    return y[0].reshape(len(q), H, G, DV)


def main():
    g = torch.Generator().manual_seed(1234)
    T = sum(LENGTHS)
    normal = lambda *shape: torch.randn(*shape, generator=g)
    unit = lambda x: x / x.norm(dim=-1, keepdim=True)
    k = unit(normal(T, H, DK))
    k[20:30] = k[20]  # the same key again and again, as of a token that is repeated
    inputs = {
        "q": unit(normal(T, H, DK)) * DK**-0.5,
        "k": k,
        "v": normal(T, H, G, DV),
        "decay": -torch.nn.functional.softplus(normal(T, H, G) * 2 - 3),
        "beta": torch.sigmoid(normal(T, H, G) * 2),
    }
    at = {name: x.float().double().requires_grad_() for name, x in inputs.items()}
    parts = zip(*(x.split(LENGTHS) for x in at.values()))
    read, learnt = (torch.cat(x) for x in zip(*(recurrent(*part) for part in parts)))
    with torch.no_grad():
        other = torch.cat([theirs(*part) for part in zip(*(x.split(LENGTHS) for x in at.values()))])
        assert (other - read).abs().max() < 1e-5
    dy = normal(*read.shape)
    gradients = torch.autograd.grad((read * dy).sum(), list(at.values()))
    tensors = {**at, "read": read, "learnt": learnt, "dy": dy}
    tensors |= {f"{name}.grad": gradient for name, gradient in zip(at, gradients)}
    save_file({name: t.detach().float().contiguous() for name, t in tensors.items()}, HERE / "delta_rule.safetensors")


if __name__ == "__main__":
    main()
