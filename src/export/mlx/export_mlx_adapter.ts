import { join } from "node:path";
import type { LoraAdapter, LoraWeights } from "../../adapters/kinds/lora.ts";
import { scaleOf } from "../../adapters/lora/lora_config.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../../files/atomic.ts";
import type { TensorSource } from "../../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../files/safetensors_file.ts";
import { transposed } from "../../math/transposed.ts";
import { LLAMA } from "../../models/decoder.ts";
import { familyOf } from "../../models/families.ts";
import { pythonJson } from "../../text/python_json.ts";
import { openSource, type SourceOptions } from "../open_source.ts";
import { mergeOnly, requirePlainLora, type Target } from "../plain_lora.ts";
import { describeForMlx, requireSameTensors } from "./export_mlx.ts";
import { mlxModule } from "./mlx_rules.ts";

export interface MlxAdapterOptions extends SourceOptions {
  adapter: string;
  /** A directory, new or empty. */
  output: string;
}

export interface MlxAdapterReport {
  /** Layers that have a term. */
  modules: number;
}

/**
 * Writes a LoRA adapter as mlx-lm keeps them: adapters.safetensors with lora_a [in, r] and lora_b [r, out], and
 * adapter_config.json. There all terms are of one rank and one scale: smaller ranks are filled up with zeros, and where the
 * scales differ each goes into its lora_b.
 * @throws AttuneError that names what such a file can't hold, and the command that merges it instead.
 */
export async function exportMlxAdapter(options: MlxAdapterOptions): Promise<MlxAdapterReport> {
  const { base, adapter, adapterPath } = await openSource(options);
  const { model, directory } = base;
  const target: Target = { form: "of mlx-lm", format: "mlx", model: options.model, adapter: adapterPath! };
  const lora = await requirePlainLora(adapter!, base, target);
  describeForMlx(directory.config, model.modelType, directory.path);
  const { root, layers } = familyOf(model.modelType).names ?? LLAMA;
  const inBlock = new RegExp(`^${root.replace(".", "\\.")}\\.${layers}\\.\\d+\\.(.+)$`);
  const keys = Array.from(lora.modules.keys(), (module) => {
    const key = inBlock.exec(module)?.[1];
    if (key === undefined) throw mergeOnly(`its term of ${module} is outside of the layers`, target);
    return key;
  });
  const { scale, rank, tensors } = termsOf(lora, model.modelType);
  const config = {
    fine_tune_type: "lora",
    num_layers: model.dimensions.layers,
    lora_parameters: { rank, scale, dropout: 0, keys: [...new Set(keys)].sort() },
  };
  await writeDirectoryAtomic(options.output, async (path) => {
    const file = join(path, "adapters.safetensors");
    await writeSafetensors(file, tensors, { format: "mlx" });
    await writeFileAtomic(join(path, "adapter_config.json"), `${pythonJson(config)}\n`);
    await requireSameTensors((await readSafetensorsHeader(file)).tensors, tensors, options.output);
  });
  return { modules: lora.modules.size };
}

function termsOf({ config, modules }: LoraAdapter, modelType: string) {
  const scales = Array.from(modules, ([module, { r }]) => scaleOf(config, module, r));
  const scale = new Set(scales).size === 1 ? scales[0]! : 1;
  const rank = Math.max(...Array.from(modules.values(), ({ r }) => r));
  const tensors = Array.from(modules, ([module, weights]): TensorSource[] => {
    const own = scaleOf(config, module, weights.r);
    const name = mlxModule(modelType, module);
    const { a, b } = padded(weights, rank, scale === own ? 1 : own / scale);
    return [
      { name: `${name}.lora_a`, dtype: "F32", shape: [weights.in, rank], data: () => a },
      { name: `${name}.lora_b`, dtype: "F32", shape: [rank, weights.out], data: () => b },
    ];
  });
  return { scale, rank, tensors: tensors.flat() };
}

/** Turned, and with zeros up to `rank`. */
function padded({ A, B, r, in: inputs, out }: LoraWeights, rank: number, factor: number) {
  const wide = new Float32Array(rank * inputs);
  wide.set(A);
  const tall = new Float32Array(rank * out);
  tall.set(transposed(B, out, r).map((value) => value * factor));
  return { a: transposed(wide, rank, inputs), b: tall };
}
