"""Files of other tools for src/data/files: run in this folder with pyarrow installed (made with pyarrow 25.0.1).

rows.parquet      five Alpaca rows in row groups of two, Snappy
messages.parquet  3000 rows of messages (list of structs), Zstandard, with an index of its pages, small ones
types.parquet     a column of each type that JSON has no word for, gzip
nested.parquet    structs, lists and maps with nulls, large integers, doubles; nested.json is what json.dumps makes of them
lines.jsonl.zst   3000 lines, Zstandard with a checksum: several blocks
"""

import datetime
import json

import pyarrow as pa
import pyarrow.parquet as pq

INSTRUCTIONS = ["Add.", "Übersetze: 你好", "😀", "", "Last."]


def make_rows():
    rows = [{"instruction": text, "input": None if i % 2 else "in", "output": f"out {i}"} for i, text in enumerate(INSTRUCTIONS)]
    pq.write_table(pa.Table.from_pylist(rows), "rows.parquet", row_group_size=2, compression="snappy")


def make_messages():
    rows = [
        {"messages": [{"role": "user", "content": f"question {i}"}, {"role": "assistant", "content": f"answer {i}"}]}
        for i in range(3000)
    ]
    pq.write_table(
        pa.Table.from_pylist(rows),
        "messages.parquet",
        compression="zstd",
        write_page_index=True,
        data_page_size=2048,
        use_dictionary=False,
    )


def make_nested():
    point = pa.struct([("x", pa.int32()), ("y", pa.float32())])
    struct = pa.struct([("2031", pa.string()), ("a", pa.int64()), ("7", pa.float64()), ("list", pa.list_(point)), ("inner", pa.struct([("e", pa.string())]))])
    schema = pa.schema([("s", struct), ("l", pa.list_(pa.int64())), ("u", pa.uint64()), ("d", pa.list_(pa.list_(pa.float64())))])
    rows = [
        {"s": {"2031": "north", "a": 1, "7": 3.0, "list": [{"x": 1, "y": 2.0}, {"x": None, "y": 1e30}], "inner": {"e": "q"}}, "l": [1, None], "u": 2**64 - 1, "d": [[1.0, 2.5], [], None]},
        {"s": None, "l": None, "u": None, "d": None},
        {"s": {"2031": None, "a": None, "7": None, "list": None, "inner": None}, "l": [], "u": 5, "d": []},
        {"s": {"2031": "", "a": -(2**60), "7": -0.0, "list": [None, {"x": 7, "y": None}], "inner": {"e": None}}, "l": [2**62, 9], "u": 1, "d": [[1e22, float("inf"), 1e-7]]},
    ]
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, "nested.parquet", compression="snappy")
    with open("nested.json", "w") as file:
        json.dump([json.dumps(row) for row in pq.read_table("nested.parquet").to_pylist()], file, indent=1)
        file.write("\n")


def make_types():
    table = pa.table(
        {
            "text": ["one", None],
            "small": pa.array([7, None], pa.int64()),
            "large": pa.array([2**62, -(2**62)], pa.int64()),
            "unsigned": pa.array([2**32 - 1, 0], pa.uint32()),
            "half": pa.array([0.5, None], pa.float32()),
            "flag": [True, False],
            "time": pa.array([datetime.datetime(2024, 2, 29, 12, 30), None], pa.timestamp("us")),
            "day": pa.array([datetime.date(2024, 2, 29), None], pa.date32()),
            "input_ids": pa.array([[1, 2, 3], []], pa.list_(pa.int32())),
            "nested": [{"a": {"b": "deep"}}, None],
        }
    )
    pq.write_table(table, "types.parquet", compression="gzip")


def make_lines():
    lines = "".join(f'{{"text": "line {i}: {"word " * (i % 40)}"}}\n' for i in range(3000))
    with pa.CompressedOutputStream("lines.jsonl.zst", "zstd") as out:
        out.write(lines.encode())


if __name__ == "__main__":
    make_rows()
    make_messages()
    make_nested()
    make_types()
    make_lines()
