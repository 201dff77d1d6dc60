import { type Command, Option } from "commander";
import { quantizeModel } from "../../export/quantize_model.ts";
import { describeQuantization, type QuantizationSettings } from "../../quantization/quantization_schema.ts";
import { AttuneError } from "../../text/errors.ts";
import { attuneCommand } from "../attune_command.ts";
import { formatPercent, plural } from "../format.ts";
import { examples } from "../help.ts";
import { openScreen } from "../screen.ts";
import { headerLine } from "../train_header.ts";

interface QuantizeFlags {
  model: string;
  out: string;
  type: QuantizationSettings["type"];
  doubleQuant?: boolean;
}

export const quantizeCommand = (command: Command): Command =>
  command
    .description(
      "Writes the model with its linear layers quantized as bitsandbytes keeps them, in a directory that transformers loads. Embeddings, norms and the output layer stay as they are. One weight is in memory at a time, so the model may be larger than memory.",
    )
    .requiredOption("-m, --model <dir>", "the model's directory")
    .requiredOption("-o, --out <dir>", "where the quantized model goes: a new or empty directory")
    .addOption(
      new Option("-t, --type <name>", "what weights become").choices(["nf4", "fp4", "int8"]).default("nf4"),
    )
    .option("--double-quant", "quantize the scales of 4 bits, too, as is done anyway")
    .option("--no-double-quant", "leave the scales of 4 bits in float32")
    .addHelpText(
      "after",
      examples([
        ["attune quantize --model ./model --out ./model-nf4", "4 bits a weight"],
        ["attune quantize --model ./model --out ./model-int8 --type int8", "8 bits a weight"],
      ]),
    )
    .action(runQuantize);

async function runQuantize({ model, out, type, doubleQuant }: QuantizeFlags): Promise<void> {
  const screen = openScreen();
  const quantization = parseSettings(type, doubleQuant);
  const onWeight = (done: number, total: number) =>
    screen.show(() => `quantizing ${model}: ${formatPercent(done / total)} …`);
  try {
    const { modules, parameters, bytes } = await quantizeModel({
      model,
      output: out,
      quantization,
      onWeight,
    });
    screen.clear();
    const each = (bytes / parameters).toFixed(3);
    screen.print(
      [
        headerLine(
          "quantized",
          `${plural(modules, "linear layer")} to ${describeQuantization(quantization)}, ${each} bytes a parameter`,
        ),
        headerLine("model", out),
        headerLine("next", attuneCommand(["chat", "--model", out])),
      ].join("\n"),
    );
  } finally {
    screen.clear();
  }
}

function parseSettings(type: QuantizationSettings["type"], doubleQuant?: boolean): QuantizationSettings {
  if (type !== "int8") return { type, doubleQuant: doubleQuant ?? true };
  if (doubleQuant !== undefined)
    throw new AttuneError({
      code: "cli.conflicting-options",
      problem:
        "--double-quant and --no-double-quant go with --type nf4 or fp4: int8 has one scale per channel",
    });
  return { type };
}
