"""Files of other tools for src/data/files: run in this folder with pyarrow installed (made with pyarrow 25.0.1).

rows.parquet      five Alpaca rows in row groups of two, Snappy
messages.parquet  3000 rows of messages (list of structs), Zstandard, with an index of its pages, small ones
types.parquet     a column of each type that JSON has no word for, gzip
lines.jsonl.zst   3000 lines, Zstandard with a checksum: several blocks
"""

import datetime

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
    make_types()
    make_lines()
