import type { HubProgress } from "../hub/progress.ts";
import { resolveModel } from "../hub/resolve_model.ts";
import { formatBytes, plural } from "./format.ts";
import { openScreen, type Screen } from "./screen.ts";

/** The directory of a model or an adapter, which is fetched first where the name is a hub's. Progress goes to stderr. */
export async function fetchModel(name: string): Promise<string> {
  const screen = openScreen(process.stderr);
  try {
    return await resolveModel(name, {
      onProgress: showDownload(screen),
      onWarning: (text) => screen.print(text),
    });
  } finally {
    screen.clear();
  }
}

/** Shows a download on the live line: 120 MB of 988 MB (12%), 3 of 7 files, 14.2 MB/s. */
export function showDownload(screen: Screen): (progress: HubProgress) => void {
  let started: { at: number; bytes: number } | undefined;
  return ({ bytes, totalBytes, files, totalFiles }) => {
    started ??= { at: performance.now(), bytes };
    const seconds = (performance.now() - started.at) / 1000;
    const speed = seconds > 1 ? `, ${formatBytes((bytes - started.bytes) / seconds)}/s` : "";
    const share = totalBytes > 0 ? ` (${Math.floor((100 * bytes) / totalBytes)}%)` : "";
    screen.show(
      () =>
        `downloading: ${formatBytes(bytes)} of ${formatBytes(totalBytes)}${share}, ${files} of ${plural(totalFiles, "file")}${speed}`,
    );
  };
}
