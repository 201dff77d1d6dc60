import { OnnxWriter } from "../onnx/writer.ts";
import { defineOp, type Tensor } from "../tensor.ts";

const zerosOp = defineOp<[like: Tensor], { axis: number; size: number }>({
  name: "zeros",
  infer: ([like], { axis, size }) => ({ dtype: like.dtype, shape: like.shape.with(axis, size) }),
  lower(w, [like], { axis, size }, [type]) {
    const zero = w.scalar(0, type.dtype);
    const shape = type.shape.with(axis, size);
    if (shape.every((d) => typeof d === "number")) return w.node("Expand", [zero, w.ints(shape)]);
    if (w.dialect === "gpu") {
      // Without integers, which the CPU would compute: no number is less than itself, not even one that is none.
      const one = w.node("Slice", [like, w.ints([0]), w.ints([1]), w.ints([axis])]);
      const zeros = w.node("Cast", [w.node("Less", [one, one])], { to: OnnxWriter.dataType(type.dtype) });
      return w.node("Expand", [zeros, w.ints(shape.map((d) => (typeof d === "number" ? d : 1)))]);
    }
    const sizes = w.node("Shape", [like]);
    const places = w.ints([axis]);
    return w.node("Expand", [zero, w.node("ScatterElements", [sizes, places, w.ints([size])])]);
  },
  vjp: () => [null],
});

/** Zeros of the shape of `like`, but `size` long on `axis`. */
export const zerosLike = (like: Tensor, axis: number, size: number): Tensor => zerosOp(like, { axis, size });
