import { type NodeInfo, readNodes } from "../../graph/onnx/read_nodes.ts";
import type { KernelTime, Phase } from "../../report/profile_record.ts";

/** Where in a model and in a step a node stands. */
export interface NodePlace {
  phase: Phase;
  layer: KernelTime["layer"];
}

/** As numbers, so that places can be compared: a layer's own, and what lies before and behind them. */
const [EMBEDDING, HEAD] = [-1, Number.POSITIVE_INFINITY];

/**
 * The place of each node of a graph by its name. What computes the labels' values is forward, all else of a graph with
 * gradients is backward. A node belongs to the layer whose weights it reads (parameters' names have its number); else, going
 * forward, to the last layer it reads from, and going back to the first. The nodes of its body are where it is.
 */
export function placesOf(model: Uint8Array): ReadonlyMap<string, NodePlace> {
  const nodes = readNodes(model);
  const forward = forwardNodes(nodes);
  const isTraining = nodes.some(({ outputs }) => outputs.some(isGradient));
  const layers = layersOf(nodes, forward);
  return new Map(
    nodes.flatMap((node) => {
      const phase = !isTraining ? "other passes" : forward.has(node) ? "forward" : "backward";
      const place: NodePlace = { phase, layer: layerName(layers.get(node)) };
      return [node, ...(node.body ?? [])].map(({ name }): [string, NodePlace] => [name, place]);
    }),
  );
}

const isGradient = (name: string) => name.startsWith("gradient ");

/** All that the labels' values are computed from. */
function forwardNodes(nodes: readonly NodeInfo[]): ReadonlySet<NodeInfo> {
  const maker = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const found = new Set<NodeInfo>();
  const open = ["nll"].flatMap((name) => maker.get(name) ?? []);
  for (let node = open.pop(); node; node = open.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    open.push(...node.inputs.flatMap((name) => maker.get(name) ?? []));
  }
  return found;
}

/** Names of the writer's own begin with a slash; all others are files' parameters, and what is fed. */
const isParameter = (name: string) => name.includes(".") && !name.startsWith("/");

function numberIn(name: string): number | undefined {
  const found = /(?:^|[./])(\d+)\./.exec(name)?.[1];
  return found === undefined ? undefined : Number(found);
}

function layersOf(nodes: readonly NodeInfo[], forward: ReadonlySet<NodeInfo>): Map<NodeInfo, number> {
  const last = nodes
    .flatMap(({ inputs }) => inputs.filter(isParameter).flatMap((name) => numberIn(name) ?? []))
    .reduce((a, b) => Math.max(a, b), 0);
  const byValue = new Map<string, number>();
  const found = new Map<NodeInfo, number>();
  for (const node of nodes) {
    const layer = layerOf(node, { byValue, last, isForward: forward.has(node) });
    if (layer === undefined) continue;
    found.set(node, layer);
    for (const name of node.outputs) byValue.set(name, layer);
  }
  return found;
}

interface Known {
  byValue: ReadonlyMap<string, number>;
  last: number;
  isForward: boolean;
}

function layerOf({ inputs, outputs }: NodeInfo, { byValue, last, isForward }: Known): number | undefined {
  const own = [...inputs, ...outputs.filter(isGradient)].filter(isParameter);
  const numbers = own.flatMap((name) => numberIn(name) ?? []);
  if (numbers.length > 0) return Math.max(...numbers);
  const read = inputs.flatMap((name) => byValue.get(name) ?? []);
  const readsEnd = own.length > 0 || read.includes(EMBEDDING);
  const inner = read.filter((layer) => layer !== EMBEDDING);
  if (inner.length === 0) return readsEnd ? EMBEDDING : undefined;
  if (!isForward) return Math.min(...inner);
  const deepest = Math.max(...inner);
  return readsEnd && deepest === last ? HEAD : deepest;
}

function layerName(layer: number | undefined): KernelTime["layer"] {
  if (layer === undefined) return "positions and masks";
  if (layer === HEAD) return "output layer and loss";
  return layer === EMBEDDING ? "embedding" : layer;
}
