import { AttuneError } from "../text/errors.ts";

/**
 * The parameters of a model's last `count` layers, by the first number in their names: `model.layers.23.mlp.up_proj.weight`.
 * @throws AttuneError when there are not so many layers.
 */
export function lastLayers(parameters: Iterable<string>, count: number): string[] {
  const names = [...parameters];
  const layers = Math.max(-1, ...names.map(layerOf)) + 1;
  if (count > layers)
    throw new AttuneError({
      code: "models.too-few-layers",
      place: "trainableLayers",
      expected: `at most the model's ${layers} layers`,
      got: `${count}`,
    });
  return names.filter((name) => layerOf(name) >= layers - count);
}

/** -1 of what is in no layer. */
const layerOf = (name: string): number => Number(/\.(\d+)\./.exec(name)?.[1] ?? -1);
