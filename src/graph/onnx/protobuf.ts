const utf8 = new TextEncoder();

/**
 * The few lines of Protocol Buffers' wire format that writing an ONNX model takes
 * (https://protobuf.dev/programming-guides/encoding). Fields are written in the order they are called, all into one
 * buffer: a model has a hundred thousand of them, and an array each would be most of the memory a session is opened with.
 */
export class ProtobufWriter {
  #buffer = new Uint8Array(256);
  #length = 0;

  /** Field of wire type 0. Negative numbers are ten-byte two's complement, as int64 fields want. */
  int(field: number, value: number | bigint): this {
    return this.#varint(field << 3).#varint(value);
  }

  /** Field of wire type 5. */
  float(field: number, value: number): this {
    this.#varint((field << 3) | 5);
    this.#make(4);
    new DataView(this.#buffer.buffer).setFloat32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** Field of wire type 2: raw bytes, a string or an embedded message. */
  bytes(field: number, value: Uint8Array): this {
    this.#varint((field << 3) | 2).#varint(value.byteLength);
    this.#make(value.byteLength);
    this.#buffer.set(value, this.#length);
    this.#length += value.byteLength;
    return this;
  }

  /** What stands before a value of wire type 2 that is `byteLength` long and comes from elsewhere. */
  open(field: number, byteLength: number): this {
    return this.#varint((field << 3) | 2).#varint(byteLength);
  }

  string(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value));
  }

  message(field: number, write: (message: ProtobufWriter) => void): this {
    this.#varint((field << 3) | 2);
    const start = this.#length;
    write(this);
    const end = this.#length;
    this.#varint(end - start); // its place is before what it counts
    const prefix = this.#buffer.slice(end, this.#length);
    this.#buffer.copyWithin(start + prefix.length, start, end);
    this.#buffer.set(prefix, start);
    return this;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length);
  }

  #varint(value: number | bigint): this {
    this.#make(10);
    let rest = value;
    if (typeof rest === "bigint" || !Number.isSafeInteger(rest) || rest < 0) {
      let wide = BigInt.asUintN(64, BigInt(rest));
      for (; wide > 0x7fn; wide >>= 7n) this.#buffer[this.#length++] = Number(wide & 0x7fn) | 0x80;
      rest = Number(wide);
    }
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#buffer[this.#length++] = (rest % 128) | 0x80;
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** Room for `count` bytes more. */
  #make(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, this.#length + count));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}
