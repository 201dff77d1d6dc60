/**
 * llama.cpp's library as node-llama-cpp carries it, called through koffi: tokens, logits of every position, adapters, and its
 * quantizer. Both are installed into a directory of their own when they are first asked for: with what they bring along they
 * are far larger than all that attune needs.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSION = "3.21.1";
const HOME =
  process.env.ATTUNE_LLAMA ??
  fileURLToPath(new URL("../../node_modules/.cache/attune-llama", import.meta.url));
const PACKAGES = [`@node-llama-cpp/linux-x64@${VERSION}`, "koffi@3"];

export interface LlamaModel {
  /** Ids of a text; special tokens that are written in it are known. */
  tokenize(text: string, addSpecial?: boolean): number[];
  /** [tokens, vocabulary], float32. */
  logits(tokens: readonly number[], options?: { adapter?: string; context?: number }): Float32Array;
  /** Seconds that `steps` more tokens of each of these sequences take, side by side, after they were read. */
  secondsOf(sequences: readonly (readonly number[])[], options: { steps: number; threads: number }): number;
  free(): void;
}

export interface LoadOptions {
  vocabularyOnly?: boolean;
  /** Rearranges weights for faster products, as llama.cpp's own programs do. */
  rearranged?: boolean;
}

export interface Llama {
  /** @throws Error with what llama.cpp says when it does not load the file. */
  load(path: string, options?: LoadOptions): LlamaModel;
  quantize(from: string, to: string, fileType: number): void;
}

/** Installs the library where it is missing. */
export function installLlama(): string {
  const bins = join(HOME, "node_modules/@node-llama-cpp/linux-x64/bins/linux-x64");
  if (!existsSync(bins)) {
    mkdirSync(HOME, { recursive: true });
    writeFileSync(join(HOME, "package.json"), '{"private":true}\n');
    const flags = ["install", "--ignore-scripts", "--no-audit", "--no-fund"];
    execFileSync("npm", [...flags, ...PACKAGES], { cwd: HOME, stdio: "inherit" });
  }
  return bins;
}

// biome-ignore lint/suspicious/noExplicitAny: koffi has types of its own, and is not installed with attune
type Koffi = any;

export function openLlama(): Llama {
  const bins = installLlama();
  const koffi: Koffi = createRequire(join(HOME, "package.json"))("koffi");
  const file = (stem: string) => {
    const found = readdirSync(bins).find((name) => name.startsWith(`lib${stem}.`));
    return join(bins, found!);
  };
  koffi.load(file("ggml-base"), { global: true, deep: false });
  const ggml = koffi.load(file("ggml"), { global: true });
  const llama = koffi.load(file("llama"), { global: true });
  const f = declare(koffi, ggml, llama);
  const said: string[] = [];
  const log = koffi.register((level: number, text: string) => {
    if (level >= 3) said.push(text.trim());
  }, koffi.pointer(f.LogCallback));
  f.logSet(log, null);
  f.loadBackends(bins);
  f.init();
  return {
    load: (path, options = {}) => loadModel(koffi, f, said, path, options),
    quantize(from, to, fileType) {
      const params = { ...f.quantizeDefaults(), ftype: fileType };
      if (f.quantize(from, to, params) !== 0) throw new Error(said.join("\n"));
    },
  };
}

type Functions = ReturnType<typeof declare>;

function loadModel(
  koffi: Koffi,
  f: Functions,
  said: string[],
  path: string,
  { vocabularyOnly = false, rearranged = false }: LoadOptions,
): LlamaModel {
  said.length = 0;
  const params = {
    ...f.modelDefaults(),
    n_gpu_layers: 0,
    use_extra_bufts: rearranged,
    vocab_only: vocabularyOnly,
  };
  const model = f.load(path, params);
  if (!model) throw new Error(said.join("\n"));
  const vocabulary = f.vocab(model);
  const size = f.vocabSize(vocabulary);
  return {
    tokenize(text, addSpecial = false) {
      const bytes = Buffer.from(text, "utf8");
      const tokens = new Int32Array(bytes.length + 8);
      const count = f.tokenize(vocabulary, bytes, bytes.length, tokens, tokens.length, addSpecial, true);
      return Array.from(tokens.subarray(0, count));
    },
    logits(tokens, { adapter, context: length = Math.max(tokens.length, 32) } = {}) {
      const params = {
        ...f.contextDefaults(),
        n_ctx: length,
        n_batch: tokens.length,
        n_ubatch: tokens.length,
      };
      Object.assign(params, { flash_attn_type: 0, type_k: 0, type_v: 0, n_threads: 1, n_threads_batch: 1 });
      Object.assign(params, { swa_full: true });
      const context = f.newContext(model, params);
      if (!context) throw new Error(said.join("\n"));
      if (adapter !== undefined) {
        const loaded = f.loadAdapter(model, adapter);
        if (!loaded) throw new Error(said.join("\n"));
        f.setAdapters(context, [loaded], 1, Float32Array.of(1));
      }
      const batch = batchOf(tokens);
      if (f.decode(context, batch) !== 0) throw new Error(said.join("\n"));
      const all = koffi.decode(f.allLogits(context), koffi.array("float", tokens.length * size, "Typed"));
      const copy = Float32Array.from(all as Float32Array);
      f.freeContext(context);
      return copy;
    },
    secondsOf(sequences, { steps, threads }) {
      const params = { ...f.contextDefaults(), n_seq_max: sequences.length, n_threads: threads };
      const longest = Math.max(...sequences.map(({ length }) => length)) + steps;
      Object.assign(params, { n_ctx: sequences.length * Math.ceil(longest / 256) * 256 });
      Object.assign(params, { n_threads_batch: threads, n_batch: 2048, n_ubatch: 512 });
      const context = f.newContext(model, params);
      if (!context) throw new Error(said.join("\n"));
      const decode = (rows: readonly Row[]) => {
        if (f.decode(context, batchOfRows(rows)) !== 0) throw new Error(said.join("\n"));
        f.synchronize(context);
      };
      for (const [sequence, tokens] of sequences.entries())
        decode(tokens.map((token, at) => ({ token, at, sequence, isLast: at === tokens.length - 1 })));
      const next = (step: number) =>
        sequences.map(({ length }, sequence) => ({
          ...{ token: 5 + ((step * 31 + sequence) % 250), at: length + step, sequence, isLast: true },
        }));
      decode(next(0));
      const started = performance.now();
      for (let step = 1; step <= steps; step++) decode(next(step));
      const seconds = (performance.now() - started) / 1000;
      f.freeContext(context);
      return seconds;
    },
    free: () => f.freeModel(model),
  };
}

/** Logits of every token are asked for. */
const batchOf = (tokens: readonly number[]) =>
  batchOfRows(tokens.map((token, at) => ({ token, at, sequence: 0, isLast: true })));

/** A token at its place in a sequence; logits are asked for of the last. */
interface Row {
  token: number;
  at: number;
  sequence: number;
  isLast: boolean;
}

const batchOfRows = (rows: readonly Row[]) => ({
  n_tokens: rows.length,
  token: Int32Array.from(rows, ({ token }) => token),
  embd: null,
  pos: Int32Array.from(rows, ({ at }) => at),
  n_seq_id: Int32Array.from(rows, () => 1),
  seq_id: rows.map(({ sequence }) => Int32Array.of(sequence)),
  logits: Int8Array.from(rows, ({ isLast }) => Number(isLast)),
});

/** include/llama.h of the release. */
function declare(koffi: Koffi, ggml: Koffi, llama: Koffi) {
  koffi.struct("llama_model_params", {
    ...{ devices: "void*", tensor_buft_overrides: "void*", n_gpu_layers: "int32", split_mode: "int" },
    ...{ load_mode: "int", lazy_mode: "int", main_gpu: "int32", tensor_split: "void*" },
    ...{ progress_callback: "void*", progress_callback_user_data: "void*", kv_overrides: "void*" },
    ...{ vocab_only: "bool", check_tensors: "bool", use_extra_bufts: "bool", no_host: "bool" },
    ...{ no_alloc: "bool", load_mtp: "bool" },
  });
  koffi.struct("llama_context_params", {
    ...{ n_ctx: "uint32", n_batch: "uint32", n_ubatch: "uint32", n_seq_max: "uint32", n_rs_seq: "uint32" },
    ...{
      n_outputs_max: "uint32",
      n_outputs_max_per_seq: "uint32",
      n_threads: "int32",
      n_threads_batch: "int32",
    },
    ...{ ctx_type: "int", rope_scaling_type: "int", pooling_type: "int", attention_type: "int" },
    ...{
      flash_attn_type: "int",
      rope_freq_base: "float",
      rope_freq_scale: "float",
      yarn_ext_factor: "float",
    },
    ...{
      yarn_attn_factor: "float",
      yarn_beta_fast: "float",
      yarn_beta_slow: "float",
      yarn_orig_ctx: "uint32",
    },
    ...{ defrag_thold: "float", cb_eval: "void*", cb_eval_user_data: "void*", type_k: "int", type_v: "int" },
    ...{ abort_callback: "void*", abort_callback_data: "void*", embeddings: "bool", offload_kqv: "bool" },
    ...{ no_perf: "bool", op_offload: "bool", swa_full: "bool", kv_unified: "bool", samplers: "void*" },
    ...{ n_samplers: "size_t", ctx_other: "void*" },
  });
  koffi.struct("llama_batch", {
    ...{ n_tokens: "int32", token: "int32*", embd: "float*", pos: "int32*", n_seq_id: "int32*" },
    ...{ seq_id: "int32**", logits: "int8*" },
  });
  koffi.struct("llama_model_quantize_params", {
    ...{ nthread: "int32", ftype: "int", output_tensor_type: "int", token_embedding_type: "int" },
    ...{ allow_requantize: "bool", quantize_output_tensor: "bool", only_copy: "bool", pure: "bool" },
    ...{
      keep_split: "bool",
      dry_run: "bool",
      imatrix: "void*",
      kv_overrides: "void*",
      tt_overrides: "void*",
    },
    ...{ prune_layers: "void*", max_buf_size: "size_t" },
  });
  const LogCallback = koffi.proto("void LogCallback(int level, const char *text, void *data)");
  return {
    LogCallback,
    loadBackends: ggml.func("void ggml_backend_load_all_from_path(const char *dir)"),
    logSet: llama.func("void llama_log_set(LogCallback *callback, void *data)"),
    init: llama.func("void llama_backend_init()"),
    modelDefaults: llama.func("llama_model_params llama_model_default_params()"),
    contextDefaults: llama.func("llama_context_params llama_context_default_params()"),
    load: llama.func("void *llama_model_load_from_file(const char *path, llama_model_params params)"),
    freeModel: llama.func("void llama_model_free(void *model)"),
    vocab: llama.func("void *llama_model_get_vocab(void *model)"),
    vocabSize: llama.func("int32 llama_vocab_n_tokens(void *vocab)"),
    tokenize: llama.func(
      "int32 llama_tokenize(void *vocab, void *text, int32 length, _Out_ int32 *tokens, int32 most, bool add_special, bool parse_special)",
    ),
    newContext: llama.func("void *llama_init_from_model(void *model, llama_context_params params)"),
    freeContext: llama.func("void llama_free(void *context)"),
    decode: llama.func("int32 llama_decode(void *context, llama_batch batch)"),
    synchronize: llama.func("void llama_synchronize(void *context)"),
    allLogits: llama.func("float *llama_get_logits(void *context)"),
    loadAdapter: llama.func("void *llama_adapter_lora_init(void *model, const char *path)"),
    setAdapters: llama.func(
      "int32 llama_set_adapters_lora(void *context, void **adapters, size_t count, float *scales)",
    ),
    quantizeDefaults: llama.func("llama_model_quantize_params llama_model_quantize_default_params()"),
    quantize: llama.func(
      "uint32 llama_model_quantize(const char *from, const char *to, llama_model_quantize_params *params)",
    ),
  };
}
