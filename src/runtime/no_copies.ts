import { ProtobufWriter } from "../graph/onnx/protobuf.ts";

/** The output that a run stops at when it gives back its outputs; it is no tensor, and is never read. */
export const STOP = "/stop";

const FLOAT = 1; // TensorProto.DataType
const INT = 2; // AttributeProto.AttributeType

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
          node
            .string(2, STOP)
            .string(3, STOP)
            .string(4, "SequenceEmpty")
            .message(5, (attribute) => attribute.string(1, "dtype").int(3, FLOAT).int(20, INT)),
        )
        .message(12, (output) => output.string(1, STOP).message(2, sequenceOfFloats)),
    )
    .finish();

const sequenceOfFloats = (type: ProtobufWriter): void =>
  void type.message(4, (sequence) =>
    sequence.message(1, (element) => element.message(1, (tensor) => tensor.int(1, FLOAT))),
  );
