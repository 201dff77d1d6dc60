/**
 * K-quants are llama.cpp's own to make: its library, which node-llama-cpp carries, is loaded when one is asked for, through
 * koffi. Neither is needed for anything else.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { AttuneError } from "../../text/errors.ts";

/** Codes of `llama_ftype` in llama.h. */
export const K_TYPES = {
  q2_k: 10,
  q3_k_s: 11,
  q3_k_m: 12,
  q3_k_l: 13,
  q4_k_s: 14,
  q4_k_m: 15,
  q5_k_s: 16,
  q5_k_m: 17,
  q6_k: 18,
} as const;

export type KTypeName = keyof typeof K_TYPES;

/** Numbers of a row that share scales. */
export const K_BLOCK = 256;

export const isKType = (type: string): type is KTypeName => Object.hasOwn(K_TYPES, type);

/** The releases whose structs are those below. */
const RELEASE = "3.21";

/** Makes of the GGUF file `from` another at `to`, and loads that. */
export type Quantize = (from: string, to: string, type: KTypeName) => void;

/** @throws AttuneError that says what to install. */
export function openQuantizer(): Quantize {
  const bins = libraryDirectory();
  const koffi = required("koffi");
  const open = (stem: string) => {
    const file = readdirSync(bins).find((name) => new RegExp(`^(lib)?${stem}\\.`).test(name));
    if (file === undefined) throw missing(`there is no library ${stem} in ${bins}`);
    return koffi.load(join(bins, file), { global: true });
  };
  const [, ggml, llama] = [open("ggml-base"), open("ggml"), open("llama")];
  koffi.struct("attune_quantize_params", QUANTIZE_PARAMS);
  ggml.func("void ggml_backend_load_all_from_path(const char *directory)")(bins);
  llama.func("void llama_backend_init()")();
  const defaults = llama.func("attune_quantize_params llama_model_quantize_default_params()");
  const quantize = llama.func(
    "uint32 llama_model_quantize(const char *from, const char *to, attune_quantize_params *params)",
  );
  return (from, to, type) => {
    if (quantize(from, to, { ...defaults(), ftype: K_TYPES[type] }) === 0 && existsSync(to)) return;
    throw new AttuneError({
      code: "export.quantizer",
      place: "node-llama-cpp",
      problem: `llama.cpp could not make ${type} of the model; its message stands above`,
      wayOut: "Take --type q8_0 or q4_0, which need no llama.cpp",
    });
  };
}

/** struct llama_model_quantize_params of include/llama.h. */
const QUANTIZE_PARAMS = {
  ...{ nthread: "int32", ftype: "int", output_tensor_type: "int", token_embedding_type: "int" },
  ...{ allow_requantize: "bool", quantize_output_tensor: "bool", only_copy: "bool", pure: "bool" },
  ...{ keep_split: "bool", dry_run: "bool", imatrix: "void*", kv_overrides: "void*", tt_overrides: "void*" },
  ...{ prune_layers: "void*", max_buf_size: "size_t" },
};

// biome-ignore lint/suspicious/noExplicitAny: an optional package's types are not there
type Any = any;

/** Beside attune, and where the user is. */
const places = () => [import.meta.url, join(process.cwd(), "package.json")];

function required(name: string): Any {
  for (const place of places())
    try {
      return createRequire(place)(name);
    } catch {}
  throw missing(`${name} is not installed`);
}

/** Where node-llama-cpp keeps the library for this machine. */
function libraryDirectory(): string {
  const name = `${process.platform === "darwin" ? "mac" : process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  for (const place of places())
    for (const own of [name, `${name}-metal`]) {
      const directory = packageDirectory(place, `@node-llama-cpp/${own}`);
      if (directory === undefined) continue;
      const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
      if (!String(version).startsWith(`${RELEASE}.`)) throw missing(`node-llama-cpp is ${version}`);
      return join(directory, "bins", own);
    }
  throw missing(`node-llama-cpp's library for ${name} is not installed`);
}

/** A package that lets nobody resolve its files is found where Node would look for it. */
function packageDirectory(place: string, name: string): string | undefined {
  const paths = createRequire(place).resolve.paths(name) ?? [];
  return paths.map((path) => join(path, name)).find((path) => existsSync(join(path, "package.json")));
}

const missing = (problem: string) =>
  new AttuneError({
    code: "export.no-llama",
    place: "--type",
    problem: `K-quants are made by llama.cpp, and ${problem}`,
    wayOut: `npm install node-llama-cpp@~${RELEASE}.1 koffi@3; or take --type q8_0 or q4_0, which need neither`,
  });
