import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { diskError } from "../../files/disk_error.ts";
import { AttuneError } from "../../text/errors.ts";
import { ADAPTER_CONFIG_FILE, WEIGHTS_FILE } from "./adapter_files.ts";

export { ADAPTER_CONFIG_FILE, WEIGHTS_FILE };

/**
 * The directory that holds the adapter meant by `path`: this one, or of a run's directory its `adapter/`.
 * @throws AttuneError that says what is missing, and where adapters are instead.
 */
export async function findAdapterDirectory(path: string): Promise<string> {
  const files = await filesOf(path);
  const missing = [ADAPTER_CONFIG_FILE, WEIGHTS_FILE].filter((file) => !files.includes(file));
  if (missing.length === 0) return path;
  const below = missing.length === 2 ? await adaptersBelow(path, files) : [];
  if (below.includes("adapter")) return join(path, "adapter");
  throw new AttuneError({
    code: "adapters.not-a-directory",
    place: path,
    problem: `not a PEFT adapter directory: ${missing.join(" and ")} missing`,
    wayOut: wayOut(path, files, below),
  });
}

/** Directories in this one that hold an adapter: a run's, or those that PEFT makes for an adapter with a name. */
async function adaptersBelow(path: string, names: readonly string[]): Promise<string[]> {
  const hasAdapter = async (name: string) =>
    readdir(join(path, name)).then(
      (files) => [ADAPTER_CONFIG_FILE, WEIGHTS_FILE].every((file) => files.includes(file)),
      () => false,
    );
  const looked = names.slice(0, MOST_LOOKED_INTO);
  const found = await Promise.all(looked.map(hasAdapter));
  return looked.filter((_, i) => found[i]);
}

const MOST_LOOKED_INTO = 100;

function wayOut(path: string, files: readonly string[], below: readonly string[]): string | undefined {
  if (below.length > 0)
    return `Give ${below
      .slice(0, 3)
      .map((name) => join(path, name))
      .join(" or ")}`;
  if (files.includes("adapter_model.bin"))
    return "adapter_model.bin is a pickle, which can run code and is not read: load it with PEFT and save it again, as safetensors";
  if (files.includes("recipe.json") && files.includes("model"))
    return `This run trained the model's own weights: give ${join(path, "model")} as the model`;
  if (files.includes("recipe.json"))
    return "This run has written no adapter yet: let it end, or stop it with Ctrl-C, which saves";
  if (files.includes("state.json"))
    return "It is a checkpoint that a run goes on from: give the run's directory";
  if (files.includes("config.json")) return "It holds a model: give it as the model";
  if (files.includes("adapter.safetensors"))
    return "adapters.safetensors is mlx-lm's: convert it to PEFT's form, or fuse it into its model";
}

async function filesOf(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    throw diskError(error, "read", path);
  }
}
