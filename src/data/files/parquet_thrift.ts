/** A Thrift struct by the numbers of its fields. */
export type ThriftStruct = { readonly [field: number]: unknown };

const MOST_DEEP = 16;
const MOST_ITEMS = 2 ** 16; // of a list in a page's header

/** Reads bytes one after the other. @throws RangeError beyond the end. */
export class ByteReader {
  at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get isOver(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    if (this.isOver) throw new RangeError("bytes are missing");
    return this.bytes[this.at++]!;
  }

  skip(bytes: number): void {
    if (!(bytes <= this.bytes.length - this.at)) throw new RangeError("bytes are missing");
    this.at += bytes;
  }

  uint32(): number {
    return this.byte() + this.byte() * 2 ** 8 + this.byte() * 2 ** 16 + this.byte() * 2 ** 24;
  }

  /** An unsigned LEB128 number; not exact above 2⁵³. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 70; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new RangeError("a number has too many bytes");
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** The number of `width` bits that begins `from` bits behind the byte `start`, lowest bit first. */
  bits(start: number, from: number, width: number): number {
    let value = 0;
    for (let bit = from, scale = 1; bit < from + width; ) {
      const at = start + (bit >> 3);
      if (at >= this.bytes.length) throw new RangeError("bytes are missing");
      const taken = Math.min(8 - (bit & 7), from + width - bit);
      value += ((this.bytes[at]! >> (bit & 7)) & ((1 << taken) - 1)) * scale;
      scale *= 2 ** taken;
      bit += taken;
    }
    return value;
  }
}

/**
 * A struct in Thrift's compact protocol, as page headers are.
 *
 * Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export function readThrift(reader: ByteReader, depth = 0): ThriftStruct {
  if (depth > MOST_DEEP) throw new Error("a page's header is nested too deeply");
  const struct: Record<number, unknown> = {};
  for (let field = 0; ; ) {
    const byte = reader.byte();
    const type = byte & 15;
    if (type === 0) return struct;
    field = byte >> 4 ? field + (byte >> 4) : reader.zigzag();
    struct[field] = readElement(reader, type, depth);
  }
}

function readElement(reader: ByteReader, type: number, depth: number): unknown {
  switch (type) {
    case 1:
    case 2:
      return type === 1;
    case 3:
      return reader.byte();
    case 4:
    case 5:
    case 6:
      return reader.zigzag();
    case 7:
      return reader.skip(8);
    case 8:
      return reader.skip(reader.varint());
    case 9:
      return readList(reader, depth);
    case 12:
      return readThrift(reader, depth + 1);
    default:
      throw new Error("a page's header has a field of an unknown type");
  }
}

function readList(reader: ByteReader, depth: number): unknown[] {
  const byte = reader.byte();
  const size = byte >> 4 === 15 ? reader.varint() : byte >> 4;
  if (size > MOST_ITEMS) throw new Error("a page's header has too many items");
  const type = byte & 15;
  return Array.from({ length: size }, () =>
    type < 3 ? reader.byte() === 1 : readElement(reader, type, depth),
  );
}
