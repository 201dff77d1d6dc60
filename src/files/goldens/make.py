"""Goldens of src/files: run in this folder with torch and safetensors installed (made with torch 2.13.0, safetensors 0.8.0).

dtypes.safetensors    two elements of each dtype, bytes counting up, names that need escaping or sort differently as UTF-16
rounding.safetensors  float32 bit patterns and what PyTorch rounds them to
numbers.json          floats, and how Python writes them
"""

import json
import random

import torch
from safetensors.torch import save_file

DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "U16": torch.uint16,
    "I32": torch.int32, "U32": torch.uint32, "I64": torch.int64, "U64": torch.uint64,
    "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64, "C64": torch.complex64,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "F8_E8M0": torch.float8_e8m0fnu,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz, "F8_E5M2FNUZ": torch.float8_e5m2fnuz, "F4": torch.float4_e2m1fn_x2,
}  # fmt: skip
NAMES = ["\u00e9", "\U0001f600", "\ue000", 'quote " slash \\ newline \n bell \x07', "10", "9", "__proto__", "a.b", "a"]


def counting(dtype):
    bits = torch.arange(2 * dtype.itemsize, dtype=torch.uint8)
    return (bits % 2).bool() if dtype == torch.bool else bits.view(dtype)


def make_dtypes():
    tensors = {f"dtype {name}": counting(dtype) for name, dtype in DTYPES.items()}
    tensors |= {name: torch.tensor([[float(i)]]) for i, name in enumerate(NAMES)}
    tensors |= {"scalar": torch.tensor(0.5), "empty": torch.zeros(0, 3)}
    save_file(tensors, "dtypes.safetensors", metadata={"format": "pt"})


def make_rounding():
    generator = torch.Generator().manual_seed(1)
    words = torch.randint(-(2**31), 2**31, (1500,), generator=generator, dtype=torch.int64)
    near_half = torch.randint(0x33000000 - 9, 0x47800000 + 9, (1500,), generator=generator, dtype=torch.int64)
    ties = near_half & ~0xFFF  # exactly between two float16, or one of them
    edges = [0, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0x7F7FFFFF, 0x477FEFFF, 0x477FF000, 0x477FE000,
             0x33000000, 0x33000001, 0x32FFFFFF, 0x33800000, 0x387FC000, 0x387FE000, 0x387FFFFF, 0x00000001, 0x3F808000, 0x3F818000]  # fmt: skip
    bits = torch.cat([words, near_half, ties, torch.tensor(edges)]).to(torch.uint32).view(torch.int32)
    values = bits.view(torch.float32)
    save_file(
        {
            "float32": bits,
            "bfloat16": values.to(torch.bfloat16).view(torch.int16),
            "float16": values.to(torch.float16).view(torch.int16),
        },
        "rounding.safetensors",
    )


def make_numbers():
    randomness = random.Random(1)
    values = [0.0, -0.0, 1.0, 1e-05, 1e-4, 0.00012, 1e15, 1e16, 1.5e16, 123456789012345680.0, 1e21, 1e22, 5e-324, 1.7976931348623157e308, 10000.0, 500000.0, -2.5]
    values += [randomness.uniform(-1, 1) * 10.0 ** randomness.randint(-12, 24) for _ in range(100)]
    with open("numbers.json", "w") as file:
        json.dump([[value, repr(value)] for value in values], file)
        file.write("\n")


make_dtypes()
make_rounding()
make_numbers()
