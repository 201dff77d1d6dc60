import type { Draw } from "./draw.ts";

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** Flips bits, writes extreme numbers, cuts, and copies parts to other places. */
export function mutateBytes(draw: Draw, bytes: Uint8Array): Uint8Array {
  const data = Buffer.from(bytes);
  const at = placeIn(draw, data.length);
  const length = Math.min(data.length - at, 1 + draw.below(draw.pick([2, 16, 256])));
  switch (draw.below(9)) {
    case 0:
      if (data.length > 0) data[at]! ^= 1 << draw.below(8);
      return data;
    case 1:
      if (data.length > 0) data[at] = draw.below(256);
      return data;
    case 2:
      if (data.length >= at + 4) data.writeUInt32LE(draw.pick(EXTREMES), at);
      return data;
    case 3:
      if (data.length >= at + 8) data.writeBigUInt64LE(BigInt(draw.pick(EXTREMES)) ** 2n % 2n ** 64n, at);
      return data;
    case 4:
      return data.subarray(0, at);
    case 5:
      return Buffer.concat([data.subarray(0, at), data.subarray(at + length)]);
    case 6:
      return Buffer.concat([data.subarray(0, at), noise(draw, length), data.subarray(at)]);
    case 7: {
      const from = placeIn(draw, data.length);
      return Buffer.concat([data.subarray(0, at), data.subarray(from, from + length), data.subarray(at)]);
    }
    default:
      data.fill(draw.pick([0, 0xff, 0x20]), at, at + length);
      return data;
  }
}

/** Files say at their ends what they hold: those places are drawn more often. */
function placeIn(draw: Draw, size: number): number {
  const reach = draw.pick([size, size, Math.min(size, 64), -Math.min(size, 64)]);
  return reach < 0 ? size - draw.below(-reach) - 1 : draw.below(reach);
}

function noise(draw: Draw, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => draw.below(256)));
}
