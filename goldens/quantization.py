"""bitsandbytes' 4-bit codes and scales, from its published algorithm: weights in, codes, scales and nested scales out.

bitsandbytes itself is not needed. Sources: csrc/kernels.cu (dQuantizeNF4, dQuantizeFP4, kQuantizeBlockwise, dQuantize)
and bitsandbytes/functional.py (quantize_4bit, create_dynamic_map, QuantState.as_dict), v0.45.
"""

import json

import torch

from lib import GOLDENS, MADE_WITH, fresh, generator, readable, save_json, save_tensors

DIRECTORY = GOLDENS / "quantization"
BLOCK, NESTED_BLOCK = 64, 256

NF4 = torch.tensor([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
])  # fmt: skip
# The kernel's decision tree, its thresholds in order.
NF4_TREE = torch.tensor([
    -0.8480964004993439, -0.6106329262256622, -0.4599952697753906, -0.33967943489551544, -0.23460740596055984,
    -0.13791173323988914, -0.045525018125772476, 0.03979014977812767, 0.1202552504837513, 0.2035212516784668,
    0.2920137718319893, 0.3893125355243683, 0.5016634166240692, 0.6427869200706482, 0.8614784181118011,
])  # fmt: skip
FP4 = torch.tensor([0, 0.0625, 8, 12, 4, 6, 2, 3, -0.0, -0.0625, -8, -12, -4, -6, -2, -3]) / 12
FP4_TREE = torch.tensor([0.00260417, 0.0859375, 0.20833333, 0.29166667, 0.4166667, 0.583333, 0.8333333])
FP4_ORDER = torch.tensor([0b000, 0b001, 0b110, 0b111, 0b100, 0b101, 0b010, 0b011])
TABLE = {"nf4": NF4, "fp4": FP4}


def blocks_of(x, size):
    """x [n] -> [ceil(n / size), size], the last filled up with zeros."""
    return torch.nn.functional.pad(x, (0, -x.numel() % size)).view(-1, size)


def codes_of(scaled, quant_type):
    # bucketize counts the thresholds strictly below, as a tree of `x >` does.
    if quant_type == "nf4":
        return torch.bucketize(scaled, NF4_TREE)
    return FP4_ORDER[torch.bucketize(scaled.abs(), FP4_TREE)] + 8 * (scaled < 0)


def quantize_4bit(weight, quant_type):
    """weight of any shape -> packed uint8 [ceil(n / 2), 1], absmax float32 [ceil(n / 64)]."""
    flat = weight.float().flatten()
    blocks = blocks_of(flat, BLOCK)
    absmax = blocks.abs().amax(1)
    scaled = (blocks * (1 / absmax)[:, None]).flatten()[: flat.numel()]
    codes = torch.where(scaled.isnan(), 0, codes_of(scaled, quant_type))  # a block of zeros: no `x >` holds
    distance = (scaled[:, None] - TABLE[quant_type]).abs().amin(1)
    assert ((scaled - TABLE[quant_type][codes]).abs() - distance).nan_to_num().max() < 1e-6  # but for ties, the nearest
    codes = torch.nn.functional.pad(codes, (0, codes.numel() % 2), value=int(codes_of(torch.zeros(1), quant_type)))
    return (codes[::2] << 4 | codes[1::2]).to(torch.uint8)[:, None], absmax


def create_dynamic_map():
    data = [0, 1.0]
    for i in range(7):
        boundaries = torch.linspace(0.1, 1, 2**i + 1)
        means = (boundaries[:-1] + boundaries[1:]) / 2.0
        data += ((10 ** (-6 + i)) * means).tolist() + (-(10 ** (-6 + i)) * means).tolist()
    return torch.tensor(sorted(data))


def nest(absmax):
    """absmax [n] -> codes uint8 [n], nested absmax float32 [ceil(n / 256)], offset."""
    table = create_dynamic_map()
    offset = absmax.mean()
    centred = absmax - offset
    blocks = blocks_of(centred, NESTED_BLOCK)
    nested = blocks.abs().amax(1)
    scaled = (blocks * (1 / nested)[:, None]).flatten()[: absmax.numel()]  # of one block: 0 / 0
    codes = torch.bucketize(scaled, (table[:-1] + table[1:]) * 0.5)
    distance = (scaled[:, None] - table).abs().amin(1)
    assert ((scaled - table[codes]).abs() - distance).nan_to_num().max() < 1e-6
    return torch.where(scaled.isnan(), 0, codes).to(torch.uint8), nested, offset


def dequantize_4bit(packed, absmax, quant_type, shape):
    codes = torch.stack([packed.flatten() >> 4, packed.flatten() & 15], 1).flatten().long()
    n = shape.numel()
    return (TABLE[quant_type][codes][:n] * absmax.repeat_interleave(BLOCK)[:n]).view(shape)


def as_files(name, weight, quant_type, double):
    """The tensors that bitsandbytes saves for a weight."""
    packed, absmax = quantize_4bit(weight, quant_type)
    state = {"quant_type": quant_type, "blocksize": BLOCK, "dtype": str(weight.dtype).removeprefix("torch."), "shape": list(weight.shape)}  # fmt: skip
    tensors = {name: packed, f"{name}.absmax": absmax, f"{name}.quant_map": TABLE[quant_type]}
    value = dequantize_4bit(packed, absmax, quant_type, weight.shape)
    if double:
        codes, nested, offset = nest(absmax)
        tensors |= {f"{name}.absmax": codes, f"{name}.nested_absmax": nested, f"{name}.nested_quant_map": create_dynamic_map()}
        state |= {"nested_blocksize": NESTED_BLOCK, "nested_dtype": "float32", "nested_offset": offset.item()}
        expanded = create_dynamic_map()[codes.long()] * nested.repeat_interleave(NESTED_BLOCK)[: codes.numel()] + offset
        value = dequantize_4bit(packed, expanded, quant_type, weight.shape)
    tensors[f"{name}.quant_state.bitsandbytes__{quant_type}"] = torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)
    return tensors, value


def weights():
    def normal(*shape, scale=0.02):
        return torch.randn(*shape, generator=generator("quantization", *shape)) * scale

    heavy = normal(24, 128) * torch.randn(24, 128, generator=generator("heavy")).abs() ** 3
    zeros = normal(6, 64)
    zeros[2:4] = 0
    return {
        "normal": normal(40, 96),
        "bfloat16": normal(32, 112).bfloat16(),
        "many blocks": normal(300, 66),
        "odd": normal(7, 29),
        "one row": normal(1, 65),
        "one": normal(1, 1),
        "two blocks": normal(3, 41),
        "heavy tails": heavy,
        "blocks of zeros": zeros,
        "small": normal(5, 64, scale=1e-30),
        "on the table": (NF4[torch.randint(0, 16, (4, 64), generator=generator("table"))] * 0.5),
        "on a midpoint": torch.cat([NF4_TREE, FP4_TREE, -FP4_TREE, torch.tensor([1.0, 0.0, -0.0])]).view(1, -1),
    }


def make():
    fresh(DIRECTORY)
    for name, weight in weights().items():
        tensors = {"weight": weight}
        for quant_type in TABLE:
            for double in (False, True):
                where = f"{quant_type}{' double' if double else ''}"
                parts, value = as_files("weight", weight, quant_type, double)
                tensors |= {f"{where}/{key}": part for key, part in parts.items()} | {f"{where}/value": value}
        save_tensors(DIRECTORY / f"{name.replace(' ', '-')}.safetensors", tensors)
    save_json(DIRECTORY / "golden.json", {"algorithm": "bitsandbytes 0.45, csrc/kernels.cu", **MADE_WITH})
    readable(DIRECTORY)
