import { exportMlx } from "../../export/mlx/export_mlx.ts";
import { exportMlxAdapter } from "../../export/mlx/export_mlx_adapter.ts";
import { plural, shellWord } from "../format.ts";
import type { ExportFormat } from "./export_format.ts";

export const mlx: ExportFormat = {
  summary: "a directory for mlx-lm on Apple's machines; with --no-merge its adapter alone",
  keepsAdapter: true,
  async run({ model, adapter, output, merge, onWarning }) {
    if (merge || adapter === undefined) {
      const { tensors } = await exportMlx({ model, adapter, output, onWarning });
      return [
        ["exported", `${plural(tensors, "tensor")}; read back and compared`],
        ["model", output],
        ["next", `mlx_lm.generate --model ${shellWord(output)} --prompt "Hello"`],
      ];
    }
    const { modules } = await exportMlxAdapter({ model, adapter, output, onWarning });
    const words = `--model ${shellWord(model)} --adapter-path ${shellWord(output)}`;
    return [
      ["exported", `${plural(modules, "layer")}; read back and compared`],
      ["adapter", output],
      ["next", `mlx_lm.generate ${words} --prompt "Hello"`],
    ];
  },
};
