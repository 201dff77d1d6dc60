"""Values and gradients of every op by PyTorch's autograd in float64: what src/graph/ops must give too.

A case is a function of named tensors; its gradients are those of sum(y * dy) for a random dy, by every floating-point
input that isn't frozen. Inputs are exact in float32, so that a float32 graph meets the same numbers. Each case draws from
a generator seeded by its own name: adding one leaves the others as they were.

torch 2.13.0, safetensors 0.8.0.  Run: python src/graph/goldens/make_ops.py
"""

import json
import math
import pathlib
import zlib

import safetensors
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
SEED = 1234
NEGATIVE_INFINITY = -math.inf
T = 5  # what the named size "T" is in every case


def main():
    tensors = {}
    for name, (f, inputs, frozen) in cases().items():
        record(tensors, name, f, inputs, frozen)
    versions = {"torch": torch.__version__, "safetensors": safetensors.__version__, "seed": str(SEED)}
    save_file(tensors, HERE / "ops.safetensors", metadata={"made": json.dumps(versions)})
    print(f"{len(cases())} cases, {(HERE / 'ops.safetensors').stat().st_size} bytes")


def record(tensors, name, f, inputs, frozen):
    random = torch.Generator().manual_seed(SEED + zlib.crc32(name.encode()))
    at = {key: make(random) for key, make in inputs.items()}
    trained = [key for key, x in at.items() if x.is_floating_point() and key not in frozen]
    for key in trained:
        at[key].requires_grad_()
    y = f(*at.values())
    for key, x in at.items():
        tensors[f"{name}/{key}"] = x.detach().clone().contiguous()
    tensors[f"{name}/y"] = y.detach().clone().contiguous()
    if not y.is_floating_point() or not trained:
        return
    dy = normal(*y.shape)(random)
    tensors[f"{name}/dy"] = dy
    gradients = torch.autograd.grad((y.double() * dy).sum(), [at[key] for key in trained])
    for key, gradient in zip(trained, gradients):
        tensors[f"{name}/{key}.grad"] = gradient.clone().contiguous()


def normal(*shape, scale=1.0, shift=0.0):
    return lambda random: (torch.randn(shape, generator=random) * scale + shift).double()


def positive(*shape):
    return lambda random: (torch.rand(shape, generator=random) * 3 + 0.2).double()


def away_from_zero(*shape):
    def make(random):
        x = torch.randn(shape, generator=random)
        return torch.where(x < 0, x - 0.5, x + 0.5).double()

    return make


def bfloat16(*shape):
    return lambda random: torch.randn(shape, generator=random).bfloat16().double()


def chosen(values, dtype):
    return lambda random: torch.tensor(values, dtype=dtype)


def below(n, *shape):
    return lambda random: torch.randint(n, shape, generator=random)


def small(*shape):
    return lambda random: torch.randint(-2, 3, shape, generator=random).double()


def coin(*shape):
    return lambda random: torch.rand(shape, generator=random) < 0.5


def word(*shape):
    return lambda random: torch.randint(-(2**31), 2**31, shape, generator=random).int()


def odd(*shape):
    return lambda random: (torch.randint(-(2**31), 2**31, shape, generator=random) | 1).int()


def case(f, frozen=(), **inputs):
    return f, inputs, frozen


def cases():
    return {**elementwise(), **shapes(), **indexing(), **scans(), **groups(), **products(), **block_attention(), **networks()}


def elementwise():
    binary = {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
    }
    found = {}
    for name, f in binary.items():
        found[name] = case(f, a=normal(2, 3), b=away_from_zero(2, 3))
        found[f"{name}, both broadcast"] = case(f, a=normal(3, 1), b=away_from_zero(1, 4))
        found[f"{name}, a scalar"] = case(f, a=normal(), b=away_from_zero(2, 3))
        found[f"{name}, ranks differ"] = case(f, a=normal(2, T, 4), b=away_from_zero(4))
    unary = {
        "neg": torch.neg,
        "exp": torch.exp,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "erf": torch.erf,
        "cos": torch.cos,
        "sin": torch.sin,
        "silu": F.silu,
        "softplus": F.softplus,
        "gelu": F.gelu,
        "geluTanh": lambda x: F.gelu(x, approximate="tanh"),
    }
    for name, f in unary.items():
        found[name] = case(f, x=normal(3, 7, scale=2.0))
    for name, f in {"log": torch.log, "sqrt": torch.sqrt}.items():
        found[name] = case(f, x=positive(3, 4))
    found["reciprocal"] = case(torch.reciprocal, x=away_from_zero(3, 4))
    found["scale"] = case(lambda x: x * 0.3, x=normal(2, 3))
    found["shift"] = case(lambda x: x + 0.3, x=normal(2, 3))
    found["tanh, far out"] = case(torch.tanh, x=chosen([-90.0, -20.0, 0.0, 20.0, 90.0], torch.float64))
    found["sigmoid, far out"] = case(torch.sigmoid, x=chosen([-80.0, -20.0, 0.0, 20.0, 80.0], torch.float64))
    found["detach"] = case(lambda x: x.detach() * x, x=normal(3, 4))
    found["keep"] = case(lambda x: x * 1, x=normal(3, 4))
    found["silu, far out"] = case(F.silu, x=chosen([-80.0, -20.0, 0.0, 20.0, 80.0], torch.float64))
    found["less"] = case(lambda a, b: a < b, a=small(3, 4), b=small(4))
    found["less, int32"] = case(lambda a, b: a < b, a=word(3, 4), b=word(3, 1))
    found["lessOrEqual"] = case(lambda a, b: a <= b, a=small(3, 4), b=small(3, 1))
    found["lessOrEqual, int64"] = case(lambda a, b: a <= b, a=below(3, 3, 4), b=below(3, 4))
    found["equal"] = case(lambda a, b: a == b, a=small(3, 4), b=small())
    found["equal, int64"] = case(lambda a, b: a == b, a=below(3, 3, 4), b=below(3, 4))
    found["and"] = case(torch.logical_and, a=coin(3, 4), b=coin(4))
    found["where"] = case(torch.where, condition=coin(3, 4), a=normal(3, 4), b=normal(3, 4))
    found["where, broadcast"] = case(torch.where, condition=coin(3, 1), a=normal(3, 4), b=normal())
    found["where, a and b broadcast"] = case(torch.where, condition=coin(3, 4), a=normal(4), b=normal(3, 1))
    found["cast, bfloat16 and back"] = case(lambda x: x.bfloat16().double(), x=normal(3, 4))
    found["cast, float16 and back"] = case(lambda x: x.half().double(), x=normal(3, 4))
    found["cast, int64 to float"] = case(lambda x: x.double(), x=below(1000, 3, 4))
    found["cast, float to int64"] = case(lambda x: x.long(), x=normal(3, 4, scale=5.0))
    found["cast, bool to float"] = case(lambda x: x.double(), x=coin(3, 4))
    return found


def shapes():
    return {
        "sum": case(lambda x: x.sum(0, keepdim=True), x=normal(3, 4)),
        "sum, last axis": case(lambda x: x.sum(-1, keepdim=True), x=normal(2, 3, 4)),
        "sum, two axes": case(lambda x: x.sum((0, 2), keepdim=True), x=normal(2, 3, 4)),
        "sum, named": case(lambda x: x.sum(0, keepdim=True), x=normal(T, 4)),
        "max": case(
            lambda x: x.amax((1,), keepdim=True), x=chosen([[3, -1, 4], [1, 5, -9], [2, 6, 6]], torch.int32)
        ),
        "max, first axis": case(lambda x: x.amax((0,), keepdim=True), x=chosen([[3, -1, 4], [1, 5, -9]], torch.int32)),
        "sum, no axes": case(lambda x: x, x=normal(2, 3)),
        "sumAll": case(lambda x: x.sum(), x=normal(2, 3)),
        "sumAll, scalar": case(lambda x: x, x=normal()),
        "mean": case(lambda x: x.mean(0, keepdim=True), x=normal(3, 4)),
        "mean, last axis": case(lambda x: x.mean(-1, keepdim=True), x=normal(T, 4)),
        "mean, two axes": case(lambda x: x.mean((0, 2), keepdim=True), x=normal(2, 3, 4)),
        "sumTo, column": case(lambda x: x.sum(1, keepdim=True), x=normal(3, 4)),
        "sumTo, row of more axes": case(lambda x: x.sum((0, 1)).reshape(1, 4), x=normal(2, 3, 4)),
        "sumTo, scalar": case(lambda x: x.sum(), x=normal(2, 3)),
        "reshape": case(lambda x: x.reshape(3, 4), x=normal(2, 6)),
        "reshape, named in place": case(lambda x: x.reshape(T, 2, 3), x=normal(T, 6)),
        "reshape, named moves": case(lambda x: x.reshape(1, T, 6), x=normal(T, 2, 3)),
        "reshape, two names": case(lambda x: x.reshape(T, T, 6), x=normal(T, T, 2, 3)),
        "reshape, of two names one moves": case(lambda x: x.reshape(T, 6, T), x=normal(T, 2, 3, T)),
        "reshape, to a scalar": case(lambda x: x.reshape(()), x=normal(1, 1)),
        "transpose": case(lambda x: x.T, x=normal(3, 4)),
        "transpose, a cycle of axes": case(lambda x: x.permute(2, 0, 3, 1), x=normal(2, T, 3, 4)),
        "slice, start": case(lambda x: x[:, :2], x=normal(3, 6)),
        "slice, middle": case(lambda x: x[:, 2:5], x=normal(T, 6)),
        "slice, end of the first axis": case(lambda x: x[1:], x=normal(3, 4)),
        "slice, middle axis": case(lambda x: x[:, 1:3, :], x=normal(2, 4, T)),
        "concat": case(lambda a, b, c: torch.cat([a, b, c], 1), a=normal(3, 2), b=normal(3, 1), c=normal(3, 3)),
        "concat, first axis": case(lambda a, b: torch.cat([a, b], 0), a=normal(2, 3), b=normal(1, 3)),
        "concat, named": case(lambda a, b: torch.cat([a, b], -1), a=normal(T, 2), b=normal(T, 3)),
        "concat, one part twice": case(lambda a: torch.cat([a, a], 0), a=normal(2, 3)),
        "concat, joined size named": case(
            lambda a, b: torch.cat([a, b], 0), frozen=["a", "b"], a=normal(T, 2), b=normal(2, 2)
        ),
        "expandLike": case(lambda x, like: x.expand_as(like), frozen=["like"], x=normal(3, 1), like=normal(2, 3, 4)),
        "expandLike, scalar": case(lambda x, like: x.expand_as(like), frozen=["like"], x=normal(), like=normal(2, 3)),
        "expandLike, named": case(lambda x, like: x.expand_as(like), frozen=["like"], x=normal(1, 4), like=normal(T, 4)),
        "zerosLike": case(lambda like: like.new_zeros(3, 2), frozen=["like"], like=normal(3, 4)),
        "zerosLike, named": case(lambda like: like.new_zeros(T, 2), frozen=["like"], like=normal(T, 4)),
    }


def indexing():
    def scatter_onto(onto, indices, updates):
        return onto.index_put((indices,), updates, accumulate=True)

    def scatter_add(like, indices, updates):
        row = updates.shape[indices.dim() :]
        zeros = torch.zeros(like.shape, dtype=updates.dtype)
        return zeros.index_add(0, indices.flatten(), updates.reshape(-1, *row))

    repeated = chosen([4, 0, 4, 6, 4], torch.int64)
    return {
        "gather": case(lambda table, indices: table[indices], table=normal(7, 3), indices=repeated),
        "gather, matrix of indices": case(
            lambda table, indices: table[indices], table=normal(4, 3), indices=below(4, 2, 3)
        ),
        "gather, one index": case(lambda table, indices: table[indices], table=normal(4, 3), indices=below(4)),
        "gather, numbers": case(lambda table, indices: table[indices], table=normal(4), indices=below(4, T)),
        "gather, int32": case(
            lambda table, indices: table[indices], table=normal(T, 3), indices=chosen([4, 0, 4, 1, 4], torch.int32)
        ),
        "rowNumbers": case(lambda x: torch.arange(len(x), dtype=torch.int32), x=normal(T, 2)),
        "gather, named": case(lambda table, indices: table[indices], table=normal(T, 3), indices=below(T, 4)),
        "scatterAdd": case(scatter_add, frozen=["like"], like=normal(7, 3), indices=repeated, updates=normal(T, 3)),
        "scatterAdd, rows of two axes": case(
            scatter_add, frozen=["like"], like=normal(4, 2, 3), indices=below(4, T), updates=normal(T, 2, 3)
        ),
        "scatterAdd, numbers": case(scatter_add, frozen=["like"], like=normal(4), indices=below(4, T), updates=normal(T)),
        "scatterAdd, named rows": case(scatter_add, frozen=["like"], like=normal(T, 3), indices=below(T, 4), updates=normal(4, 3)),
        "scatterOnto": case(scatter_onto, onto=normal(7, 3), indices=repeated, updates=normal(T, 3)),
        "scatterOnto, named rows": case(scatter_onto, onto=normal(T, 3), indices=below(T, 4), updates=normal(4, 3)),
    }


def scans():
    def chunks(x):
        size, rows = 2, len(x)
        return F.pad(x, [*[0, 0] * (x.dim() - 1), 0, -rows % size]).reshape(-1, size, *x.shape[1:])

    def scan(a, b):
        steps = [torch.zeros_like(b[0])]
        for m in range(len(a) - 1):
            steps.append(a[m] @ steps[-1] + b[m])
        return torch.stack(steps)

    def inverse(x):
        return torch.linalg.inv(torch.eye(x.shape[-1], dtype=x.dtype) + x.tril(-1))

    return {
        "rowChunks": case(chunks, x=normal(T, 3, 2)),
        "rowChunks, whole": case(chunks, x=normal(4, 3)),
        "rowChunks, numbers": case(chunks, x=below(9, T)),
        "unchunk": case(lambda x, like: x.flatten(0, 1)[: len(like)], frozen=["like"], x=normal(3, 2, 3), like=normal(T, 1)),
        "leadingRows": case(lambda x, like: x[: len(like)], frozen=["x", "like"], x=normal(7, 2), like=normal(T, 3)),
        "linearScan": case(scan, a=normal(T, 2, 3, 3, scale=0.5), b=normal(T, 2, 3, 4)),
        "linearScan, reverse": case(
            lambda a, b: scan(a.flip(0), b.flip(0)).flip(0), a=normal(T, 3, 3, scale=0.5), b=normal(T, 3, 2)
        ),
        "shiftRows": case(lambda x: F.pad(x, (0, 0, 2, 0))[:T], x=normal(T, 3)),
        "shiftRows, up": case(lambda x: F.pad(x, (0, 0, 0, 2))[2:], x=normal(T, 3)),
        "shiftRows, further than all": case(lambda x: F.pad(x, (0, 0, 7, 0))[:T], x=normal(T, 3)),
        "sumBefore": case(lambda x: x.cumsum(0) - x, x=normal(T, 3)),
        "sumBefore, reverse": case(lambda x: (x.flip(0).cumsum(0) - x.flip(0)).flip(0), x=normal(T, 3)),
        "unitLowerInverse": case(inverse, x=normal(3, 8, 8)),
        "unitLowerInverse, alike keys": case(lambda x: inverse(0.1 * x + 1), x=normal(8, 8)),
    }


def groups():
    order = torch.randperm(2 * T + 2, generator=torch.Generator().manual_seed(5))  # 2 * T and above are no entries
    places = torch.argsort(order)[: 2 * T]
    order = order.clamp(max=2 * T)
    placed = dict(order=chosen(order.tolist(), torch.int32), places=chosen(places.reshape(T, 2).tolist(), torch.int32))
    counts = chosen([2.0, 1.0, 2.0], torch.float64)
    with_none = chosen([3.0, 0.0, 2.0], torch.float64)

    def to_places(x, order, places):
        rows = x.expand(T, 2, *x.shape[2:]).flatten(0, 1)
        return torch.cat([rows, torch.zeros_like(rows[:1])])[order]

    def product(x, counts, *weights):
        parts = x.split([int(n) for n in counts])
        return torch.cat([part @ w for part, w in zip(parts, weights)])

    def outer(a, b, counts):
        sizes = [int(n) for n in counts]
        return torch.stack([p.T @ q for p, q in zip(a.split(sizes), b.split(sizes))])

    own = dict(frozen=["counts"], x=normal(T, 4), counts=counts)
    return {
        "inverseOrder": case(lambda places: order.int(), places=placed["places"]),
        "toPlaces": case(to_places, x=normal(T, 2, 3), **placed),
        "toPlaces, one for all": case(to_places, x=normal(T, 1, 3), **placed),
        "fromPlaces": case(lambda x, order, places: x[places], x=normal(2 * T + 2, 3), **placed),
        "groupedMatmul": case(product, **own, a=normal(4, 2), b=normal(4, 2), c=normal(4, 2)),
        "groupedMatmul, turned": case(
            lambda x, counts, *w: product(x, counts, *(v.T for v in w)), **own, a=normal(2, 4), b=normal(2, 4), c=normal(2, 4)
        ),
        "groupedMatmul, one tensor": case(lambda x, counts, weight: product(x, counts, *weight), **own, weight=normal(3, 4, 2)),
        "groupedMatmul, one tensor turned": case(
            lambda x, counts, weight: product(x, counts, *weight.mT), **own, weight=normal(3, 2, 4)
        ),
        "groupedMatmul, a group without rows": case(
            product, **{**own, "counts": with_none}, a=normal(4, 2), b=normal(4, 2), c=normal(4, 2)
        ),
        "groupedOuter": case(outer, frozen=["a", "b", "counts"], a=normal(T, 2), b=normal(T, 3), counts=counts),
    }


def products():
    found = {}
    for trans_a in (False, True):
        for trans_b in (False, True):
            for alpha in (1.0, -0.75):  # exact in float32, as the runtime keeps it

                def product(a, b, trans_a=trans_a, trans_b=trans_b, alpha=alpha):
                    return alpha * ((a.mT if trans_a else a) @ (b.mT if trans_b else b))

                def sized(rows, columns, swapped, *batch):
                    return normal(*batch, columns, rows) if swapped else normal(*batch, rows, columns)

                kind = f"{'aᵀ' if trans_a else 'a'}{'bᵀ' if trans_b else 'b'}, alpha {alpha:g}"
                found[f"matmul {kind}"] = case(product, a=sized(3, 4, trans_a), b=sized(4, 6, trans_b))
                found[f"matmul {kind}, groups share b"] = case(
                    product, a=sized(T, 3, trans_a, 2, 2), b=sized(3, T, trans_b, 2, 1)
                )
                found[f"matmul {kind}, one b"] = case(product, a=sized(3, 4, trans_a, 2), b=sized(4, 6, trans_b))
                found[f"matmul {kind}, one a"] = case(product, a=sized(3, 4, trans_a), b=sized(4, 6, trans_b, 2))
                for sum in ["addMatmul", "matmulOnto"]:
                    found[f"{sum} {kind}"] = case(
                        lambda c, a, b, product=product: c + product(a, b),
                        c=normal(T, 6),
                        a=sized(T, 4, trans_a),
                        b=sized(4, 6, trans_b),
                    )
    return {
        **found,
        "matmul, bfloat16 weight": case(
            lambda x, weight: x @ weight.T, frozen=["weight"], x=normal(T, 4), weight=bfloat16(6, 4)
        ),
    }


def block_attention():
    """A row of two sequences, and one whose two branches share their first token; query i sees key j iff j <= i < ends[j]."""

    def attention(bound=None, window=T):
        def f(q, k, v, first, index, ends, positions, sinks=None):
            near = positions[:, None] - positions[None, :] < window
            seen = (index[None, :] <= index[:, None]) & (index[:, None] < ends[None, :]) & near
            scores = torch.einsum("tkge,nke->kgtn", q, k) * 0.75
            scores = scores if bound is None else bound * torch.tanh(scores / bound)
            scores = scores.masked_fill(~seen, NEGATIVE_INFINITY)
            if sinks is not None:
                scores = torch.cat([scores, sinks.view(2, 3, 1, 1).expand(2, 3, T, 1)], -1)
            weights = scores.softmax(-1)[..., :T]
            return torch.einsum("kgtn,nke->tkge", weights, v).flatten(1)

        return f

    ints = lambda values: chosen(values, torch.int32)
    packed = {"first": ints([[0], [0], [3]]), "index": ints(list(range(T))), "ends": ints([3, 3, 3, 5, 5]), "positions": ints([0, 1, 2, 0, 1])}
    tree = {"first": ints([[0], [0], [0]]), "index": ints(list(range(T))), "ends": ints([5, 3, 3, 5, 5]), "positions": ints([0, 1, 2, 1, 2])}
    heads = {"q": normal(T, 2, 3, 4), "k": normal(T, 2, 4), "v": normal(T, 2, 4)}
    sight = {key: packed[key] for key in ["index", "ends", "positions"]}
    return {
        "blockAttention": case(attention(), **heads, **packed),
        "blockAttention, branches": case(attention(), **heads, **tree),
        "blockAttention, bounded, a window": case(attention(bound=1.5, window=2), **heads, **tree),
        "blockAttention, one block": case(attention(), **heads, **{**packed, "first": ints([[0]])}),
        "blockAttention, sinks": case(attention(window=2), **heads, **tree, sinks=normal(6, scale=2.0)),
        "blockAttention, bounded, sinks": case(attention(bound=1.5), **heads, **{**packed, "first": ints([[0]])}, sinks=normal(6)),
        "firstSeen": case(lambda index, ends, positions: torch.tensor([[0], [0], [3]], dtype=torch.int32), **sight),
    }


def networks():
    def rope(x, cos, sin):
        cos, sin = (angles.view(T, *[1] * (x.dim() - 2), -1) for angles in (cos, sin))
        x1, x2, rest = x.split([cos.shape[-1], cos.shape[-1], x.shape[-1] - 2 * cos.shape[-1]], -1)
        return torch.cat([x1 * cos - x2 * sin, x2 * cos + x1 * sin, rest], -1)

    def cross_entropy(hidden, weight, targets):
        return F.cross_entropy(hidden @ weight.T, targets, reduction="none")

    def dropout(x, row0, row1, column0, column1):
        hash = row0.long() * column0.long() + row1.long() * column1.long()
        signed = (hash + 2**31) % 2**32 - 2**31
        return torch.where(signed < round((0.3 - 0.5) * 2**32), 0.0, x / (1 - 0.3))

    def masked_softmax(x, mask):
        return torch.where(mask, x, NEGATIVE_INFINITY).softmax(-1)

    def attention(q, k, v, mask):
        return (0.75 * (q @ k.mT) + mask).softmax(-1) @ v

    def bounded(x, cap):
        return cap * (x / cap).tanh()

    def bounded_attention(q, k, v, mask):
        return (bounded(0.75 * (q @ k.mT), 1.5) + mask).softmax(-1) @ v

    def bounded_cross_entropy(hidden, weight, targets):
        return F.cross_entropy(bounded(hidden @ weight.T, 2.0), targets, reduction="none")

    causal = torch.ones(T, T).tril().bool()
    targets = chosen([3, 0, 3, 5, 8], torch.int64)
    return {
        "softmax": case(lambda x: x.softmax(-1), x=normal(3, 5, scale=2.0)),
        "softmax, far out": case(lambda x: x.softmax(-1), x=normal(3, 5, scale=20.0)),
        "softmax, masked": case(masked_softmax, x=normal(2, T, T), mask=chosen(causal.tolist(), torch.bool)),
        "softmaxAttention": case(attention, q=normal(2, T, 4), k=normal(2, 3, 4), v=normal(2, 3, 4), mask=normal(T, 3), frozen=["mask"]),
        "softmaxAttention, groups share keys": case(
            attention,
            frozen=["mask"],
            q=normal(2, 2, T, 3),
            k=normal(2, 1, T, 3),
            v=normal(2, 1, T, 3),
            mask=chosen(torch.full((T, T), NEGATIVE_INFINITY).triu(1).tolist(), torch.float64),
        ),
        "softmaxAttention, bounded": case(
            bounded_attention, frozen=["mask"], q=normal(2, T, 4), k=normal(2, 3, 4), v=normal(2, 3, 4), mask=normal(T, 3)
        ),
        "logSoftmax": case(lambda x: x.log_softmax(-1), x=normal(3, 5, scale=2.0)),
        "logSoftmax, far out": case(lambda x: x.log_softmax(-1), x=normal(3, 5, scale=20.0)),
        "rmsNorm": case(
            lambda x, weight: F.rms_norm(x, (8,), weight, 1e-6), x=normal(2, 3, 8), weight=normal(8, shift=1.0)
        ),
        "rmsNorm, eps large": case(
            lambda x, weight: F.rms_norm(x, (8,), weight, 0.5), x=normal(T, 8), weight=normal(8, shift=1.0)
        ),
        "layerNorm": case(
            lambda x, weight, bias: F.layer_norm(x, (8,), weight, bias, 1e-5),
            x=normal(2, 3, 8, shift=1.0),
            weight=normal(8, shift=1.0),
            bias=normal(8),
        ),
        "layerNorm, eps large": case(
            lambda x, weight, bias: F.layer_norm(x, (8,), weight, bias, 0.5),
            x=normal(T, 8, shift=1.0),
            weight=normal(8, shift=1.0),
            bias=normal(8),
        ),
        "rope": case(rope, frozen=["cos", "sin"], x=normal(T, 8), cos=normal(T, 4), sin=normal(T, 4)),
        "rope, heads": case(
            rope, frozen=["cos", "sin"], x=normal(T, 2, 3, 20), cos=normal(T, 10), sin=normal(T, 10)
        ),
        "rope, part of a head": case(
            rope, frozen=["cos", "sin"], x=normal(T, 2, 3, 24), cos=normal(T, 10), sin=normal(T, 10)
        ),
        "linearCrossEntropy": case(cross_entropy, hidden=normal(T, 4), weight=normal(9, 4), targets=targets),
        "linearCrossEntropy, bounded": case(
            bounded_cross_entropy, hidden=normal(T, 4), weight=normal(9, 4), targets=targets
        ),
        "linearLogits": case(lambda hidden, weight: hidden @ weight.T, hidden=normal(T, 4), weight=normal(9, 4)),
        "linearLogits, bounded": case(
            lambda hidden, weight: bounded(hidden @ weight.T, 2.0), hidden=normal(T, 4), weight=normal(9, 4)
        ),
        "linearCrossEntropy, far out": case(
            cross_entropy, hidden=normal(T, 4), weight=normal(9, 4, scale=40.0), targets=targets
        ),
        "linearCrossEntropy, frozen weight": case(
            cross_entropy, frozen=["weight"], hidden=normal(T, 4), weight=normal(9, 4), targets=targets
        ),
        "linearCrossEntropy, bfloat16 weight": case(
            cross_entropy, frozen=["weight"], hidden=normal(T, 4), weight=bfloat16(9, 4), targets=targets
        ),
        "dropout": case(dropout, x=normal(T, 9), row0=word(T, 1), row1=word(T, 1), column0=odd(9), column1=odd(9)),
    }


main()
