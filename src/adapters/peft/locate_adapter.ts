import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { AttuneError } from "../../text/errors.ts";

/**
 * The adapter's own directory: `path`, or where that is a run's directory, the `adapter/` in it.
 * @throws AttuneError when a run's directory holds no adapter.
 */
export async function locateAdapter(path: string): Promise<string> {
  const files = await readdir(path).catch((): string[] => []); // what can't be read is told by who reads it
  if (files.includes("adapter_config.json") || files.includes("adapter_model.safetensors")) return path;
  if (files.includes("adapter")) return join(path, "adapter");
  if (!files.includes("recipe.json")) return path;
  const isModel = files.includes("model");
  throw new AttuneError({
    code: "adapter.run-without-adapter",
    place: path,
    problem: isModel
      ? "it is the directory of a run that trained the model's own weights: there is no adapter, but a model"
      : "it is the directory of a run that has no adapter yet",
    wayOut: isModel ? `Use ${join(path, "model")} as the model` : "Run its recipe to the end first",
  });
}
