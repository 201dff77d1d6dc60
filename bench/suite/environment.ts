import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** What the reference needs, as it was when the figures were written. */
const PACKAGES = [
  ...["torch==2.13.*", "transformers==5.18.*", "peft==0.21.*", "trl==1.13.*", "datasets==5.*"],
  ...["accelerate", "tokenizers", "safetensors"],
];

/**
 * A Python that has TRL: the one that is given, or an environment in `folder`, made when it isn't there. The CPU's build
 * of PyTorch is taken, where the index has it.
 */
export function referencePython(given: string | undefined, folder: string): string {
  const python = given ?? join(folder, "bin", "python");
  if (given || existsSync(python)) return hasTrl(python);
  console.error(`making the reference environment in ${folder}: this takes minutes, once`);
  execFileSync("python3", ["-m", "venv", folder], { stdio: "inherit" });
  const cpu = ["--extra-index-url", "https://download.pytorch.org/whl/cpu"];
  execFileSync(python, ["-m", "pip", "install", ...cpu, ...PACKAGES], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  return hasTrl(python);
}

function hasTrl(python: string): string {
  execFileSync(python, ["-c", "import importlib.metadata as m; m.version('trl'); m.version('peft')"]);
  return python;
}
