import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { writeFileAtomic } from "../../files/atomic.ts";
import { diskError } from "../../files/disk_error.ts";
import { makeDirectory } from "../../files/make_directory.ts";
import { AttuneError } from "../../text/errors.ts";
import { requireFree } from "../require_free.ts";
import { exportGguf, type GgufOptions, type GgufReport } from "./export_gguf.ts";
import { K_BLOCK, type KTypeName, openQuantizer } from "./k_quants.ts";
import type { PlannedTensor } from "./tensor_plan.ts";

export type KQuantOptions = Omit<GgufOptions, "type" | "onPlan"> & { type: KTypeName };

/**
 * Writes the model as float16 beside the output, and has llama.cpp make a K-quant of that file. The float16 file is read
 * back and compared as any; llama.cpp's library has to be installed.
 * @throws AttuneError that names what is missing, or can't be represented.
 */
export async function exportKQuant({ type, output, ...options }: KQuantOptions): Promise<GgufReport> {
  await requireFree(output);
  const quantize = openQuantizer();
  await makeDirectory(dirname(output));
  const scratch = await mkdtemp(join(dirname(output), `.${basename(output)}-`)).catch((error) => {
    throw diskError(error, "write", output);
  });
  try {
    const [whole, small] = [join(scratch, "f16.gguf"), join(scratch, `${type}.gguf`)];
    const onPlan = (tensors: readonly PlannedTensor[]) => requireBlocks(tensors, type);
    const report = await exportGguf({ ...options, output: whole, type: "f16", onPlan });
    quantize(whole, small, type);
    await writeFileAtomic(output, async (file) => {
      for await (const bytes of createReadStream(small, { highWaterMark: 1 << 22 }))
        await file.writeFile(bytes);
    });
    return { ...report, bytes: (await stat(output)).size };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** llama.cpp would take other types for such tensors without a word. */
export function requireBlocks(tensors: readonly PlannedTensor[], type: KTypeName): void {
  if (tensors.some((tensor) => tensor.type === "MXFP4"))
    throw new AttuneError({
      code: "export.k-quant-of-mxfp4",
      place: "--type",
      problem: `experts of this model are in MXFP4, and llama.cpp makes no ${type} of that`,
      wayOut: "Take --type q8_0, which keeps them and has all else in 8 bits",
    });
  const uneven = tensors.filter((tensor) => tensor.type !== "F32" && tensor.shape.at(-1)! % K_BLOCK !== 0);
  if (uneven.length === 0) return;
  throw new AttuneError({
    code: "export.uneven-blocks",
    place: "--type",
    problem: `${type} keeps blocks of ${K_BLOCK} numbers of a row, and rows of these tensors aren't whole blocks`,
    wayOut: "Take --type q8_0 or q4_0, whose blocks are 32, or f16",
    faults: uneven.map(({ name, shape }) => ({
      code: "export.uneven-blocks",
      place: name,
      problem: `rows of ${shape.at(-1)}`,
    })),
  });
}
