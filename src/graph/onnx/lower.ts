import { schedule } from "../passes/schedule.ts";
import type { Tensor } from "../tensor.ts";
import type { OnnxGraph } from "./model_proto.ts";
import { type Dialect, type OnnxModel, OnnxWriter } from "./writer.ts";

/** The ONNX model that computes `outputs`, by name. Frozen weights stay references into their files. */
export function lower(outputs: Record<string, Tensor>, dialect?: Exclude<Dialect, "standard">): OnnxModel {
  const onnx = new OnnxWriter(dialect);
  return onnx.finish(lowerWith(onnx, outputs));
}

/** The same as data, in ONNX's own ops where it has them, for runtimes and providers that know no others. */
export function standardGraph(outputs: Record<string, Tensor>): OnnxGraph {
  const onnx = new OnnxWriter("standard");
  return onnx.graph(lowerWith(onnx, outputs));
}

function lowerWith(onnx: OnnxWriter, outputs: Record<string, Tensor>) {
  const names = new Map<Tensor, string>();
  for (const t of schedule(Object.values(outputs))) {
    const inputs = t.inputs.map((i) => names.get(i)!);
    const name = t.op.lower(onnx, inputs, t.attributes, t.inputs, t);
    names.set(t, name);
    if (onnx.dialect === "cpu") onnx.describe(name, t);
  }
  return new Map(Object.entries(outputs).map(([name, t]) => [name, { value: names.get(t)!, type: t }]));
}
