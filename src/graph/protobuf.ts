/**
 * The few lines of Protocol Buffers' wire format that writing an ONNX model takes
 * (https://protobuf.dev/programming-guides/encoding). Fields are written in the order they are called.
 */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** Field of wire type 0. Negative numbers are ten-byte two's complement, as int64 fields want. */
  int(field: number, value: number | bigint): this {
    return this.#push(varint((BigInt(field) << 3n) | 0n)).#push(varint(BigInt(value)));
  }

  /** Field of wire type 5. */
  float(field: number, value: number): this {
    this.#push(varint((BigInt(field) << 3n) | 5n));
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(bytes);
  }

  /** Field of wire type 2: raw bytes, a string or an embedded message. */
  bytes(field: number, value: Uint8Array): this {
    this.#push(varint((BigInt(field) << 3n) | 2n)).#push(varint(BigInt(value.byteLength)));
    return this.#push(value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  message(field: number, write: (message: ProtobufWriter) => void): this {
    const message = new ProtobufWriter();
    write(message);
    return this.bytes(field, message.finish());
  }

  finish(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.byteLength;
    }
    return out;
  }

  #push(part: Uint8Array): this {
    this.#parts.push(part);
    this.#length += part.byteLength;
    return this;
  }
}

function varint(value: bigint): Uint8Array {
  let rest = BigInt.asUintN(64, value);
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
