import type { OnnxGraph } from "../../graph/onnx/model_proto.ts";
import { type DType, type Shape, sizeOf } from "../../graph/tensor.ts";
import type { Session, TensorData } from "../../runtime/session.ts";
import { int64 } from "../../runtime/tensor_data.ts";

/** Reads tokens with an exported model, as transformers.js does. */
export interface OnnxDecoder {
  /**
   * The next tokens of each sequence, all of one length; padding before a sequence is undefined, and only at first. Logits
   * [sequences, tokens, V].
   */
  next(rows: readonly (readonly (number | undefined)[])[]): Promise<Float32Array>;
}

export function openOnnxDecoder(session: Session, { inputs }: Pick<OnnxGraph, "inputs">): OnnxDecoder {
  let cache: Record<string, TensorData> | undefined;
  let mask: number[][] = [];
  const empty = (batch: number): Record<string, TensorData> => {
    const past = [...inputs].filter(([name]) => name.startsWith("past_"));
    return Object.fromEntries(past.map(([name, { dtype, shape }]) => [name, zeros(dtype, shape, batch)]));
  };
  return {
    async next(rows) {
      const shape = [rows.length, rows[0]!.length];
      const fed = rows.map((row) => row.map((token) => (token === undefined ? 0 : 1)));
      mask = rows.map((_, i) => [...(mask[i] ?? []), ...fed[i]!]);
      const positions = mask.map((row, i) => placesOf(row).slice(-rows[i]!.length));
      const feeds: Record<string, TensorData> = {
        input_ids: { ...int64(rows.flat().map((token) => token ?? 0)), shape },
        position_ids: { ...int64(positions.flat()), shape },
        attention_mask: { ...int64(mask.flat()), shape: [rows.length, mask[0]!.length] },
        ...(cache ?? empty(rows.length)),
      };
      const used = Object.entries(feeds).filter(([name]) => inputs.has(name));
      const { logits, ...present } = await session.run(Object.fromEntries(used));
      cache = Object.fromEntries(Object.entries(present).map(([name, value]) => [pastOf(name), value]));
      return logits!.data as Float32Array;
    },
  };
}

/** As transformers.js names them. */
const pastOf = (present: string) =>
  present.startsWith("present_")
    ? present.replace("present", "past")
    : present.replace("present", "past_key_values");

/** Of `batch` sequences, with nothing before them. */
function zeros(dtype: DType, shape: Shape, batch: number): TensorData {
  const own = shape.map((d) => (typeof d === "number" ? d : d === "batch_size" ? batch : 0));
  const count = sizeOf(own);
  const data = dtype === "float16" ? new Uint16Array(count) : new Float32Array(count);
  return { dtype, shape: own, data };
}

/** A token's place among those that are there; 1 in the padding. */
function placesOf(mask: readonly number[]): number[] {
  let seen = 0;
  return mask.map((there) => (there ? seen++ : 1));
}
