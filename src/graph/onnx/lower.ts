import { schedule } from "../passes/schedule.ts";
import type { Tensor } from "../tensor.ts";
import { type OnnxModel, OnnxWriter } from "./writer.ts";

/** The ONNX model that computes `outputs`, by name. Frozen weights stay references into their files. */
export function lower(outputs: Record<string, Tensor>): OnnxModel {
  const onnx = new OnnxWriter();
  const names = new Map<Tensor, string>();
  for (const t of schedule(Object.values(outputs))) {
    const inputs = t.inputs.map((i) => names.get(i)!);
    names.set(t, t.op.lower(onnx, inputs, t.attributes, t.inputs, t));
  }
  return onnx.finish(
    new Map(Object.entries(outputs).map(([name, t]) => [name, { value: names.get(t)!, type: t }])),
  );
}
