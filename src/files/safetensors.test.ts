import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir, open, realpath, symlink, truncate } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { bytesInMemory } from "./byte_source.ts";
import {
  contentBytes,
  copyOf,
  openSafetensors,
  readTensor,
  readTensorBytes,
  safetensorsContent,
  type TensorSource,
  withOpenFile,
} from "./safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "./safetensors_file.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";

const golden = fileURLToPath(new URL("goldens/dtypes.safetensors", import.meta.url));
const at = temporaryDirectory();

function fileOf(bytes: Buffer): string {
  const path = at("model.safetensors");
  writeFileSync(path, bytes);
  return path;
}

/** A file with this header (text, or a value to be written as JSON) and this much data. */
function fileWith(header: unknown, dataBytes = 0, claimedLength?: bigint): string {
  const text = Buffer.isBuffer(header)
    ? header
    : Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimedLength ?? BigInt(text.length));
  return fileOf(Buffer.concat([length, text, Buffer.alloc(dataBytes)]));
}

function pipe(): string {
  execFileSync("mkfifo", [at("pipe")]);
  return at("pipe");
}

/** A header whose tensor has a list within a list within a list … for one field. */
function nested(field: "shape" | "dtype"): string {
  const text = JSON.stringify({ a: { ...f32([1], 0, 4), [field]: "HERE" } });
  return text.replace('"HERE"', "[".repeat(200_000) + "]".repeat(200_000));
}

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

describe("reading what Python wrote", () => {
  test("every dtype, odd names, metadata", async () => {
    const { tensors, metadata } = await readSafetensorsHeader(golden);
    expect(metadata).toEqual({ format: "pt" });
    expect(tensors.get("dtype F64")).toMatchObject({
      dtype: "F64",
      shape: [2],
      byteLength: 16,
      file: await realpath(golden),
    });
    expect(tensors.get("__proto__")).toMatchObject({ dtype: "F32", shape: [1, 1] });
    expect(tensors.get("empty")).toMatchObject({ shape: [0, 3], byteLength: 0 });
    expect([...(await readTensor(tensors.get("scalar")!))]).toEqual([0.5]);
    expect([...(await readTensor(tensors.get("empty")!))]).toEqual([]);
    expect([...(await readTensorBytes(tensors.get("dtype I32")!))]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test.each([
    ["F16", [256 * 2 ** -24, 770 * 2 ** -24]], // 0x0100, 0x0302
    ["BF16", [2 ** -125, 1.015625 * 2 ** -121]], // the same bits
    ["F64", [0, 0]], // below float32's smallest
  ])("%s becomes float32", async (dtype, expected) => {
    const { tensors } = await readSafetensorsHeader(golden);
    expect(await readTensor(tensors.get(`dtype ${dtype}`)!)).toEqual(Float32Array.from(expected));
  });

  test("integers are not read as floats", async () => {
    const { tensors } = await readSafetensorsHeader(golden);
    await expect(readTensor(tensors.get("dtype I64")!)).rejects.toThrow(
      /"dtype I64": expected F32, F16, BF16 or F64, got I64/,
    );
  });
});

describe("writing", () => {
  test("equals Python's file byte for byte, whatever the order of the tensors", async () => {
    const { tensors, metadata } = await readSafetensorsHeader(golden);
    const path = at("new", "copy.safetensors");
    await writeSafetensors(path, [...tensors.values()].reverse().map(copyOf), metadata);
    expect(readFileSync(path).equals(readFileSync(golden))).toBe(true);
  });

  test("float32 values are converted to the tensor's type and come back", async () => {
    const values = Float32Array.of(1, -2.5, 0.1, 1e-3);
    const source = (dtype: "F32" | "BF16" | "F16" | "F64"): TensorSource => ({
      name: dtype,
      dtype,
      shape: [2, 2],
      data: () => values,
    });
    const path = at("x.safetensors");
    await writeSafetensors(path, [source("F32"), source("BF16"), source("F16"), source("F64")]);
    const { tensors } = await readSafetensorsHeader(path);
    expect(await readTensor(tensors.get("F32")!)).toEqual(values);
    expect(await readTensor(tensors.get("F64")!)).toEqual(values);
    for (const [dtype, bits] of [
      ["BF16", 8],
      ["F16", 11],
    ] as const) {
      const back = await readTensor(tensors.get(dtype)!);
      const errors = values.map((value, i) => Math.abs(back[i]! - value) / Math.abs(value));
      expect(Math.max(...errors)).toBeLessThanOrEqual(2 ** -bits);
      expect(back[1]).toBe(-2.5);
    }
  });

  test("holds one tensor at a time", async () => {
    const asked: string[] = [];
    const source = (name: string): TensorSource => ({
      name,
      dtype: "F32",
      shape: [1],
      data: async () => Float32Array.of(asked.push(name)),
    });
    const path = at("x.safetensors");
    await writeSafetensors(path, [source("b"), source("a")]);
    expect(asked).toEqual(["a", "b"]);
    expect([...(await readTensor((await readSafetensorsHeader(path)).tensors.get("b")!))]).toEqual([2]);
  });

  test("data of another size than the shape is refused, and the old file stays", async () => {
    const path = fileWith("precious");
    const before = readFileSync(path);
    const wrong: TensorSource = { name: "w", dtype: "F16", shape: [3], data: () => new Float32Array(2) };
    await expect(writeSafetensors(path, [wrong])).rejects.toThrow("tensor w takes 12 bytes, its data has 8");
    expect(readFileSync(path)).toEqual(before);
  });
});

describe("hostile files", () => {
  const good = f32([1], 0, 4);
  const cases: [string, () => string, RegExp][] = [
    ["an empty file", () => fileOf(Buffer.of()), /0 bytes, too few/],
    [
      "a header of 2 GB",
      () => fileWith({ a: good }, 4, 2_000_000_000n),
      /claims 2000000000 bytes, more than the limit/,
    ],
    [
      "a header of 2^64 - 1",
      () => fileWith({ a: good }, 4, 2n ** 64n - 1n),
      /18446744073709551615 bytes, more than/,
    ],
    [
      "a header beyond the file",
      () => fileWith({ a: good }, 4, 4000n),
      /claims 4000 bytes, but the file has only/,
    ],
    ["a header of 0 bytes", () => fileWith({ a: good }, 4, 0n), /claims 0 bytes, too few/],
    ["a header that is not JSON", () => fileWith("{nonsense", 4), /not JSON/],
    ["a header that is not UTF-8", () => fileWith(Buffer.of(0x7b, 0xff, 0x7d)), /not UTF-8/],
    ["a header that is a list", () => fileWith([1]), /must be a JSON object/],
    ["a header that starts with a space", () => fileWith(" {}"), /must be a JSON object/],
    [
      "a tensor that is a number",
      () => fileWith({ a: 1 }),
      /tensor "a": expected \{dtype, shape, data_offsets\}, got 1/,
    ],
    ["overlapping tensors", () => fileWith({ a: good, b: f32([1], 2, 6) }, 6), /"b" overlaps/],
    ["the same bytes twice", () => fileWith({ a: good, b: good }, 4), /"b" overlaps/],
    [
      "a gap",
      () => fileWith({ a: good, b: f32([1], 8, 12) }, 12),
      /4 bytes before tensor "b" belong to no tensor/,
    ],
    ["data that nothing owns", () => fileWith({ a: good }, 5), /last 1 bytes belong to no tensor/],
    ["data beyond the file", () => fileWith({ a: good }, 3), /ends at byte 4, but the file holds only 3/],
    ["begin after end", () => fileWith({ a: f32([1], 4, 0) }, 4), /ends \(0\) before it begins \(4\)/],
    ["a negative offset", () => fileWith({ a: f32([1], -4, 0) }, 4), /data_offsets must be \[begin, end\]/],
    ["a fractional offset", () => fileWith({ a: f32([1], 0.5, 4.5) }, 5), /data_offsets must be/],
    ["three offsets", () => fileWith({ a: { ...good, data_offsets: [0, 2, 4] } }, 4), /data_offsets must be/],
    [
      "a size that is not shape times type",
      () => fileWith({ a: f32([2], 0, 4) }, 4),
      /takes 8 bytes, its data_offsets give 4/,
    ],
    [
      "a shape that overflows",
      () => fileWith({ a: f32([2 ** 40, 2 ** 40], 0, 4) }, 4),
      /larger than any file/,
    ],
    ["a negative size", () => fileWith({ a: f32([-1, -1], 0, 4) }, 4), /whole numbers from 0 on/],
    ["a fractional size", () => fileWith({ a: f32([0.5, 2], 0, 4) }, 4), /whole numbers from 0 on/],
    [
      "a size beyond exact integers",
      () => fileWith(`{"a":{"dtype":"F32","shape":[1e300],"data_offsets":[0,4]}}`, 4),
      /whole numbers/,
    ],
    ["a shape that is no list", () => fileWith({ a: f32("1", 0, 4) }, 4), /shape must be a list/],
    [
      "an unknown dtype",
      () => fileWith({ a: { ...good, dtype: "F33" } }, 4),
      /unknown dtype "F33"; known are BOOL/,
    ],
    [
      "a dtype off the prototype",
      () => fileWith({ a: { ...good, dtype: "constructor" } }, 4),
      /unknown dtype "constructor"/,
    ],
    ["half a byte", () => fileWith({ a: { ...good, dtype: "F4" } }, 4), /ends within a byte/],
    [
      "a key twice",
      () => fileWith(`{"a":${JSON.stringify(good)},"a":${JSON.stringify(good)}}`, 4),
      /key "a" more than once/,
    ],
    [
      "a field twice",
      () => fileWith(`{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4),
      /"dtype" more than once/,
    ],
    [
      "metadata that is no text",
      () => fileWith({ __metadata__: { a: 1 } }),
      /__metadata__ must hold strings/,
    ],
    [
      "a missing file",
      () => at("none.safetensors"),
      /Cannot read .*none\.safetensors: there is no such file/,
    ],
    ["a directory", () => at(), /not a file/],
    ["a pipe that nobody writes", () => pipe(), /not a file/],
    [
      "a shape of endless depth",
      () => fileWith(nested("shape"), 4),
      /whole numbers from 0 on, got shape a deeply nested list/,
    ],
    ["a dtype of endless depth", () => fileWith(nested("dtype"), 4), /unknown dtype a deeply nested list/],
  ];

  test.each(cases)("%s", async (_, make, message) => {
    const path = make();
    const error = await readSafetensorsHeader(path).then(
      () => undefined,
      (caught) => caught,
    );
    expect(error).toBeInstanceOf(AttuneError);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(path);
  });

  test("a tensor called __proto__ pollutes nothing", async () => {
    const path = fileWith(
      `{"__metadata__":{"__proto__":"x"},"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`,
      4,
    );
    const { tensors, metadata } = await readSafetensorsHeader(path);
    expect([...tensors.keys()]).toEqual(["__proto__"]);
    expect(Object.keys(metadata)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });

  test("a file cut short after its header was read", async () => {
    const path = fileWith({ a: good }, 4);
    const { tensors } = await readSafetensorsHeader(path);
    await truncate(path, tensors.get("a")!.offset + 2);
    await expect(readTensor(tensors.get("a")!)).rejects.toThrow(/sooner than its header says/);
  });

  test("a sparse file of 60 GB is judged without being read", async () => {
    const path = fileWith({ a: f32([15_000_000_000], 0, 60_000_000_000) });
    const file = await open(path, "r+");
    await file.truncate((await file.stat()).size + 60_000_000_000);
    await file.close();
    expect((await readSafetensorsHeader(path)).tensors.get("a")!.byteLength).toBe(60_000_000_000);
  });
});

test("links of the Hugging Face cache are followed to the real file", async () => {
  await mkdir(at("blobs"));
  await mkdir(at("snapshots/abc"), { recursive: true });
  const blob = at("blobs/0123");
  await writeSafetensors(blob, [{ name: "a", dtype: "F32", shape: [1], data: () => Float32Array.of(7) }]);
  const link = at("snapshots/abc/model.safetensors");
  await symlink("../../blobs/0123", link);
  const entry = (await readSafetensorsHeader(link)).tensors.get("a")!;
  expect(entry.file).toBe(await realpath(blob));
  expect([...(await readTensor(entry))]).toEqual([7]);
  symlinkSync("nowhere", at("dangling"));
  await expect(readSafetensorsHeader(at("dangling"))).rejects.toThrow(/no such file/);
});

test("tensors of a file that is open are read, and later ones open it again", async () => {
  const bytes = await contentBytes(
    safetensorsContent([{ name: "a", dtype: "F32", shape: [2], data: () => Float32Array.of(1, 2) }]),
  );
  let opened = 0;
  const memory = bytesInMemory(bytes);
  const open = (file: string) => {
    opened++;
    return memory.open(file);
  };
  const source = { ...memory, open };
  const { tensors } = await openSafetensors(source, "x");
  opened = 0;
  const inside = await withOpenFile(tensors, async (entries) => {
    const entry = entries.get("a")!;
    expect([await readTensor(entry), await readTensor(entry)]).toEqual([
      Float32Array.of(1, 2),
      Float32Array.of(1, 2),
    ]);
    return entry;
  });
  expect(opened).toBe(1);
  expect(await readTensor(inside)).toEqual(Float32Array.of(1, 2));
  expect(opened).toBe(2);
});
