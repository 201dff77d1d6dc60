import { exportPeft } from "../../export/peft/export_peft.ts";
import { attuneCommand } from "../attune_command.ts";
import { plural } from "../format.ts";
import type { ExportFormat } from "./export_format.ts";

export const peft: ExportFormat = {
  summary: "the adapter for Python's PEFT, with a model card",
  needsAdapter: true,
  async run({ model, adapter, output, template, onWarning }) {
    const { modules, hasTokenizer } = await exportPeft({
      model,
      adapter: adapter!,
      output,
      template,
      onWarning,
    });
    const along = hasTokenizer ? ", with the tokenizer and its template" : "";
    return [
      ["exported", `${plural(modules, "layer")} and a model card${along}; read back and compared`],
      ["adapter", output],
      ["next", attuneCommand(["chat", "--model", model, "--adapter", output])],
    ];
  },
};
