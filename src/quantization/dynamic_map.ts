import { countBelow } from "./code_tables.ts";

/**
 * The 256 values of bitsandbytes' signed dynamic 8-bit type, ascending: seven decades, each with twice the values of the
 * one below (Dettmers 2015, https://arxiv.org/abs/1511.04561; `create_dynamic_map` in bitsandbytes/functional.py), bit
 * for bit: PyTorch fuses the multiplication and the addition of its `linspace`, and halves it at the middle.
 */
export const DYNAMIC_MAP: Float32Array = dynamicMap();

function dynamicMap(): Float32Array {
  const values = [0, 1];
  for (let decade = 0; decade < 7; decade++) {
    const bounds = linspace(0.1, 1, 2 ** decade + 1);
    for (let k = 0; k + 1 < bounds.length; k++) {
      const mean = Math.fround(bounds[k]! + bounds[k + 1]!) / 2;
      const value = Math.fround(Math.fround(10 ** (decade - 6)) * mean);
      values.push(value, -value);
    }
  }
  return Float32Array.from(values.sort((a, b) => a - b));
}

function linspace(start: number, end: number, count: number): Float32Array {
  const [from, to] = [Math.fround(start), Math.fround(end)];
  const step = Math.fround(Math.fround(to - from) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < Math.floor(count / 2) ? from + step * i : to - step * (count - 1 - i),
  );
}

const MIDPOINTS = Float32Array.from(
  { length: 255 },
  (_, k) => Math.fround(DYNAMIC_MAP[k]! + DYNAMIC_MAP[k + 1]!) / 2,
);

/** The index of the value of the map that is nearest to x, a float32; a tie goes down. */
export const nearestDynamic = (x: number): number => countBelow(MIDPOINTS, x);
