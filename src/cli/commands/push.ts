import type { Command } from "commander";
import { pushModel } from "../../export/push/push_model.ts";
import { cardOfRun } from "../card_of_run.ts";
import { forTerminal } from "../failure.ts";
import { formatBytes, formatPercent, plural } from "../format.ts";
import { examples } from "../help.ts";
import { openScreen } from "../screen.ts";
import { headerLine } from "../train_header.ts";

interface PushFlags {
  to: string;
  public?: boolean;
  license?: string;
}

export const pushCommand = (command: Command): Command =>
  command
    .description(
      "Uploads to a repository of the hub, which is made where it is missing, private unless --public is given. A model card is written: base, data, settings, scores, and how to use it. After an interruption run it again: large files that are there already are not sent again. The token is HF_TOKEN's, or the one that `hf auth login` keeps.",
    )
    .argument("<path>", "a run's directory; a model's, an adapter's or an export's; or a .gguf file")
    .requiredOption("--to <org/name>", "the repository")
    .option("--public", "everyone may see it")
    .option("--license <id>", "the licence as the hub spells it: apache-2.0")
    .addHelpText(
      "after",
      examples([
        ["attune push runs/mine --to me/mine", "a run's adapter or model, private"],
        ["attune push mine-js --to me/mine-js --public", "an export for browsers, for everyone"],
      ]),
    )
    .action(runPush);

async function runPush(path: string, { to, public: isPublic, license }: PushFlags): Promise<void> {
  const screen = openScreen();
  try {
    const source = await cardOfRun(path);
    const { url, kind, files, bytes, isNew } = await pushModel({
      ...source,
      ...{ to, isPublic, licence: license },
      onWarning: (text) => screen.print(`warning: ${forTerminal(text)}`),
      onProgress: (done, total) =>
        screen.show(
          () =>
            `uploading ${formatBytes(done)} of ${formatBytes(total)} (${formatPercent(total && done / total)}) …`,
        ),
    });
    screen.clear();
    const where = isNew
      ? isPublic
        ? "a new public repository"
        : "a new private repository"
      : "the repository that was there";
    screen.print(
      [
        headerLine("pushed", `${kind}, ${plural(files, "file")}, ${formatBytes(bytes)}, to ${where}`),
        headerLine("page", url),
      ].join("\n"),
    );
  } finally {
    screen.clear();
  }
}
