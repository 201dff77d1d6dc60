import { DATA_TYPE, nodeProto } from "../graph/onnx/model_proto.ts";
import { ProtobufWriter } from "../graph/onnx/protobuf.ts";

/** The output that a run stops at when it gives back its outputs; it is no tensor, and is never read. */
export const STOP = "/stop";

/** What computes it: an op that no graph has otherwise. */
export const STOPPING_OP = "SequenceEmpty";

/**
 * Bytes that, before a model's, give it a first output that is no tensor, an empty sequence. onnxruntime-node 1.30 copies each
 * output into an array of its own, those too that a run has written to given arrays, and gives up at what is no tensor: after
 * the run, and before the first copy. Messages in protobuf that follow each other add up.
 */
export const stopAtFirst = (): Uint8Array =>
  new ProtobufWriter()
    .message(7, (graph) =>
      graph
        .message(1, (node) =>
          nodeProto(node, {
            ...{ type: STOPPING_OP, inputs: [], outputs: [STOP] },
            attributes: { dtype: DATA_TYPE.float32 },
          }),
        )
        .message(12, (output) => output.string(1, STOP).message(2, sequenceOfFloats)),
    )
    .finish();

const sequenceOfFloats = (type: ProtobufWriter): void =>
  void type.message(4, (sequence) =>
    sequence.message(1, (element) => element.message(1, (tensor) => tensor.int(1, DATA_TYPE.float32))),
  );
