import type { FileMetaData, RowGroup } from "hyparquet";
import { expect, test } from "vitest";
import { checkPages } from "./parquet_pages.ts";

/** An unsigned LEB128 number. */
const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];

const i32 = (value: number) => varint(value * 2);
const uint32 = (value: number) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];

/** A struct of whole numbers: fields 1, 2, … in order. */
const struct = (...fields: number[]) => [...fields.flatMap((value) => [0x15, ...i32(value)]), 0];

interface PageOne {
  values: number;
  encoding?: number;
  size?: number;
}

function pageOne(body: number[], { values, encoding = 0, size = body.length }: PageOne): number[] {
  const header = [0x15, ...i32(0), 0x15, ...i32(size), 0x15, ...i32(body.length)];
  return [...header, 0x2c, ...struct(values, encoding, 3, 3), 0, ...body];
}

function pageTwo(
  body: number[],
  values: number,
  nulls: number,
  encoding: number,
  levels: [number, number],
): number[] {
  const header = [0x15, ...i32(3), 0x15, ...i32(body.length), 0x15, ...i32(body.length)];
  return [...header, 0x5c, ...struct(values, nulls, values, encoding, ...levels), 0, ...body];
}

const check = (bytes: number[], repetition = "OPTIONAL", type = "BYTE_ARRAY") => {
  const { buffer } = new Uint8Array(bytes);
  const schema = [
    { name: "root", num_children: 1 },
    { name: "text", repetition_type: repetition, type },
  ];
  const meta_data = {
    path_in_schema: ["text"],
    codec: "UNCOMPRESSED",
    type,
    data_page_offset: 0n,
    total_compressed_size: BigInt(bytes.length),
  };
  const file = {
    byteLength: bytes.length,
    slice: async (start: number, end?: number) => buffer.slice(start, end),
  };
  const group = { columns: [{ meta_data }] } as unknown as RowGroup;
  return checkPages(file, { schema } as unknown as FileMetaData, group, (_codec, input) => input);
};

const levels = (...runs: number[]) => [...uint32(runs.length), ...runs];
const RLE_OF = (count: number, value: number) => [...varint(count * 2), value];

test("pages whose runs have as many values as they claim pass", async () => {
  const text = [...uint32(1), 97, ...uint32(1), 98];
  await check(pageOne([...levels(...RLE_OF(2, 1)), ...text], { values: 2 }));
  await check(pageOne([...levels(3, 0b11), ...text], { values: 2 })); // one packed group of eight
  await check(pageTwo([...RLE_OF(2, 1), ...text], 2, 0, 0, [2, 0]));
  await check(pageOne([...levels(...RLE_OF(3, 1)), 2, ...RLE_OF(3, 1)], { values: 3, encoding: 8 }));
  await check(pageOne(levels(...RLE_OF(8, 1)), { values: 8, encoding: 3 }), "REQUIRED", "BOOLEAN");
});

test("a run that claims millions of values is refused before they are made", async () => {
  const claim = /a page of 2 values has a run of 135000000/;
  const bomb = RLE_OF(135e6, 1);
  await expect(check(pageOne(levels(...bomb), { values: 2 }))).rejects.toThrow(claim);
  await expect(check(pageTwo(bomb, 2, 0, 0, [bomb.length, 0]))).rejects.toThrow(claim);
  const one = levels(...RLE_OF(2, 1));
  await expect(check(pageOne([...one, 1, ...bomb], { values: 2, encoding: 8 }))).rejects.toThrow(claim);
  await expect(
    check(pageOne(levels(...bomb), { values: 2, encoding: 3 }), "REQUIRED", "BOOLEAN"),
  ).rejects.toThrow(claim);
  const packed = [...varint(2 * 2 ** 27 + 1), 0];
  await expect(check(pageTwo([0, ...packed], 2, 0, 8, [0, 0]), "REQUIRED")).rejects.toThrow(
    /a run of 1073741824/,
  );
});

test("a page or a column of too many values is refused", async () => {
  await expect(check(pageOne([], { values: 2 ** 24 + 1 }))).rejects.toThrow(/a page claims 16777217/);
  const page = pageOne(levels(...RLE_OF(2 ** 24, 0)), { values: 2 ** 24 });
  await expect(check(Array(5).fill(page).flat())).rejects.toThrow(/more than 67108864 values/);
  await expect(check(pageTwo([], 2, 3, 0, [0, 0]))).rejects.toThrow(/a page claims 3/); // more nulls than values
});

test("texts that repeat a long beginning are counted before they are made", async () => {
  const differences = (first: number, values: number) => [
    ...varint(128),
    ...varint(1),
    ...varint(values),
    ...i32(first),
  ];
  const same = [...i32(0), 0]; // a block without change
  const blocks = (values: number) =>
    Array(Math.ceil((values - 1) / 128))
      .fill(same)
      .flat();
  const page = (first: number) =>
    pageOne([...differences(first, 2000), ...blocks(2000)], { values: 2000, encoding: 7 });
  await check(page(100), "REQUIRED");
  await expect(check(page(2 ** 20), "REQUIRED")).rejects.toThrow(/texts of more than 1073741824 bytes/);
  const parts = [...varint(128), ...varint(2 ** 30), ...varint(2), 0, 0];
  await expect(check(pageOne(parts, { values: 2, encoding: 5 }), "REQUIRED", "INT64")).rejects.toThrow(
    /blocks of a wrong size/,
  );
});

test("what breaks off or is no page is refused", async () => {
  const page = pageOne(levels(...RLE_OF(2, 1)), { values: 2 });
  for (const bytes of [page.slice(0, 6), page.slice(0, -4), [0x15, 18, 0x15, 0, 0x15, 0, 0]])
    await expect(check(bytes)).rejects.toThrow();
});
