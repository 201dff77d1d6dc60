/** A node of an ONNX file, as far as who reads whom is asked. */
export interface NodeInfo {
  name: string;
  inputs: string[];
  outputs: string[];
  /** What it computes again and again. */
  body?: NodeInfo[];
}

const utf8 = new TextDecoder();

/** The nodes of a ModelProto, in their order (https://github.com/onnx/onnx/blob/v1.19.0/onnx/onnx.proto). */
export function readNodes(model: Uint8Array): NodeInfo[] {
  return partsOf(model, GRAPH).flatMap(nodesOf);
}

/** Numbers of fields: ModelProto's graph, GraphProto's nodes, AttributeProto's graph. */
const [GRAPH, NODE, BODY] = [7, 1, 6];

const nodesOf = (graph: Uint8Array): NodeInfo[] => partsOf(graph, NODE).map(readNode);

const partsOf = (message: Uint8Array, wanted: number): Uint8Array[] =>
  [...fields(message)].flatMap(({ number, bytes }) => (number === wanted && bytes ? [bytes] : []));

function readNode(bytes: Uint8Array): NodeInfo {
  const node: NodeInfo = { name: "", inputs: [], outputs: [] };
  for (const { number, bytes: value } of fields(bytes)) {
    if (number === 5 && value) for (const body of partsOf(value, BODY)) node.body = nodesOf(body); // attribute
    if (!value || number > 3) continue;
    const text = utf8.decode(value);
    if (number === 1) node.inputs.push(text);
    if (number === 2) node.outputs.push(text);
    if (number === 3) node.name = text;
  }
  return node;
}

/** Fields of a message of Protocol Buffers; bytes of those that have a length. */
function* fields(message: Uint8Array): Generator<{ number: number; bytes?: Uint8Array }> {
  let at = 0;
  const varint = () => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = message[at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  };
  while (at < message.length) {
    const key = varint();
    const [number, type] = [Math.floor(key / 8), key % 8];
    if (type === 2) {
      const length = varint();
      yield { number, bytes: message.subarray(at, at + length) };
      at += length;
      continue;
    }
    if (type === 0) varint();
    else at += type === 5 ? 4 : 8;
    yield { number };
  }
}
