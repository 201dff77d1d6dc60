import { readFileSync } from "node:fs";
import type { DType } from "../graph/tensor.ts";
import type { Values } from "./evaluate.ts";

export interface GoldenTensor extends Values {
  dtype: DType;
}

const DTYPE: Record<string, DType> = {
  F64: "float64",
  F32: "float32",
  I64: "int64",
  I32: "int32",
  BOOL: "bool",
};

/** Every tensor of a safetensors file that a goldens script wrote. For trusted files only: nothing is checked. */
export function readGolden(file: URL): Map<string, GoldenTensor> {
  const bytes = new Uint8Array(readFileSync(file)); // a copy: its buffer starts at 0
  const size = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> =
    JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  const tensors = Object.entries(header).filter(([name]) => name !== "__metadata__");
  return new Map(
    tensors.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const data = bytes.slice(8 + size + from, 8 + size + to).buffer;
        return [name, { dtype: DTYPE[dtype]!, shape, data: numbers(data, DTYPE[dtype]!) }];
      },
    ),
  );
}

function numbers(buffer: ArrayBuffer, dtype: DType): number[] {
  if (dtype === "float64") return Array.from(new Float64Array(buffer));
  if (dtype === "float32") return Array.from(new Float32Array(buffer));
  if (dtype === "int64") return Array.from(new BigInt64Array(buffer), Number);
  if (dtype === "int32") return Array.from(new Int32Array(buffer));
  if (dtype === "bool") return Array.from(new Uint8Array(buffer));
  throw new Error(`goldens hold no ${dtype}`);
}
