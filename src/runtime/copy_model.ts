import { lower } from "../graph/onnx/lower.ts";
import { input } from "../graph/sources.ts";
import type { DeviceTensor } from "./session.ts";

/** The model that gives a value like this as it is, as `copy`: run on a device it takes the value there, or back. */
export function copyModel({ dtype, shape }: DeviceTensor): Uint8Array<ArrayBuffer> {
  const sizes = shape.map((_, axis) => `size${axis}`);
  return lower({ copy: input("value", sizes, dtype) }).bytes;
}

/** What two values have in common that one such model serves. */
export const copyKey = ({ dtype, shape }: DeviceTensor): string => `${dtype} of ${shape.length} axes`;
