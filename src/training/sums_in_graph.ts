import { add } from "../graph/ops/elementwise.ts";
import { addScattered, scatteredOver } from "../graph/ops/indexing.ts";
import { addMatrixProduct } from "../graph/ops/matmul.ts";
import { input } from "../graph/sources.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import type { TensorData } from "../runtime/session.ts";
import { type Trainable, zeroTensors } from "./trainable.ts";
import type { PassSums } from "./trained_state.ts";
import { gradientName } from "./training_graph.ts";

type Graph = Record<string, Tensor>;

/**
 * Gradients that passes add up themselves: a pass reads the sums and writes them back to the same arrays, so that they are in
 * memory once, however many passes there are.
 */
export function sumsInGraph(trainables: readonly Trainable[]): PassSums {
  const sums = zeroTensors(trainables);
  const into: Record<string, TensorData> = {};
  let given: Float32Array[] = [];
  return {
    fit(graph) {
      const links = trainables.map((trainable) => linksOf(graph, trainable));
      for (const [i, own] of links.entries()) for (const name of Object.keys(own)) into[name] = sums[i]!;
      return Object.assign({}, graph, ...links);
    },
    before: Object.fromEntries(trainables.map(({ name }, i) => [sumName(name), sums[i]!])),
    into,
    begin() {
      for (const [i, data] of given.entries()) sums[i]!.data = data;
      for (const { data } of sums) data.fill(0 as never);
    },
    add: async () => {},
    sums() {
      given = sums.map(({ data }) => data as Float32Array);
      return given;
    },
  };
}

const sumName = (name: string) => `sum of ${gradientName(name)}`;

/**
 * The sum with a trainable's gradient added, by outputs' names, the whole one last. A gradient of several terms is added term by
 * term, each onto what the one before has written to the same array: so a table of a whole vocabulary is nowhere but there.
 */
export function linksOf(graph: Graph, { name, shape }: Pick<Trainable, "name" | "shape">): Graph {
  const gradient = graph[gradientName(name)];
  if (!gradient) return {};
  const links = added(input(sumName(name), shape), gradient);
  const nameOf = (i: number) =>
    `${gradientName(name)}${i === links.length - 1 ? "" : `, ${i + 1} of its terms`}`;
  return Object.fromEntries(links.map((link, i) => [nameOf(i), link]));
}

/** Numbers from which a product that needs no memory of its own is worth its time. */
const LARGE = 2 ** 24;

function added(sum: Tensor, gradient: Tensor): Tensor[] {
  const scattered = scatteredOver(gradient);
  if (scattered) {
    const links = added(sum, scattered.base);
    return [...links, scattered.onto(links.at(-1)!)];
  }
  const isLarge = sizeOf(sum.shape) >= LARGE;
  return [
    addScattered(sum, gradient) ??
      (isLarge ? addMatrixProduct(sum, gradient) : undefined) ??
      add(sum, gradient),
  ];
}
