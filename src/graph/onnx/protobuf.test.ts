import { describe, expect, test } from "vitest";
import { ProtobufWriter } from "./protobuf.ts";

const hex = (writer: ProtobufWriter) => Buffer.from(writer.finish()).toString("hex");
const ones = (count: number) => "ff".repeat(count);

// Bytes from https://protobuf.dev/programming-guides/encoding, and by hand from its rules.
describe("ProtobufWriter", () => {
  test.each([
    [0, "00"],
    [1, "01"],
    [127, "7f"],
    [128, "8001"],
    [150, "9601"],
    [16383, "ff7f"],
    [16384, "808001"],
    [2 ** 31, "8080808008"],
    [2 ** 32 + 1, "8180808010"],
    [Number.MAX_SAFE_INTEGER, `${ones(7)}0f`],
    [2n ** 63n - 1n, `${ones(8)}7f`],
    [-1, `${ones(9)}01`],
    [-2, `fe${ones(8)}01`],
    [-(2n ** 63n), `${"80".repeat(9)}01`],
  ])("int %s", (value, bytes) => {
    expect(hex(new ProtobufWriter().int(1, value))).toBe(`08${bytes}`);
  });

  test("field numbers beyond 15 take two bytes", () => {
    expect(hex(new ProtobufWriter().int(15, 1).int(16, 1).int(20, 2))).toBe("7801" + "800101" + "a00102");
  });

  test("strings are UTF-8, with their length in bytes", () => {
    expect(hex(new ProtobufWriter().string(2, "testing"))).toBe("120774657374696e67");
    expect(hex(new ProtobufWriter().string(2, "aᵀ·"))).toBe("1206" + "61" + "e1b580" + "c2b7");
    expect(hex(new ProtobufWriter().string(2, ""))).toBe("1200");
  });

  test("floats are four bytes, little endian", () => {
    expect(hex(new ProtobufWriter().float(2, -0.75))).toBe("15" + "000040bf");
  });

  test("messages nest, and may be empty", () => {
    const nested = new ProtobufWriter().message(3, (m) => m.int(1, 150)).message(3, () => {});
    expect(hex(nested)).toBe("1a03089601" + "1a00");
  });

  test("long bytes carry a long length", () => {
    const bytes = new Uint8Array(300).fill(7);
    expect(hex(new ProtobufWriter().bytes(9, bytes))).toBe(`4aac02${"07".repeat(300)}`);
  });

  test("numbers that are no integers are refused", () => {
    expect(() => new ProtobufWriter().int(1, 0.5)).toThrow(RangeError);
  });
});
