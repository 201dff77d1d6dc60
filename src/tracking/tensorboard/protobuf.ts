/** Writes protocol buffers: only what TensorBoard's events need. */

type Bytes = Uint8Array;

const encoder = new TextEncoder();

export const message = (...fields: readonly Bytes[]): Bytes => {
  const bytes = new Uint8Array(fields.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const field of fields) {
    bytes.set(field, at);
    at += field.length;
  }
  return bytes;
};

/** int64 and enums; 0, the default, is left out as the runtime does. */
export const intField = (field: number, value: number): Bytes =>
  value === 0 ? message() : message(varint(field << 3), varint(value));

export const doubleField = (field: number, value: number): Bytes => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return message(varint((field << 3) | 1), bytes);
};

/** Part of a oneof, so that 0 is written, too. */
export const floatField = (field: number, value: number): Bytes => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return message(varint((field << 3) | 5), bytes);
};

export const bytesField = (field: number, value: Bytes): Bytes =>
  message(varint((field << 3) | 2), varint(value.length), value);

export const textField = (field: number, text: string): Bytes => bytesField(field, encoder.encode(text));

function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...bytes, rest]);
}
