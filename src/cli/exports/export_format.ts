/** Options that `attune export` has for every format. */
export interface ExportRequest {
  /** Directories. */
  model: string;
  adapter?: string;
  /** A file or a directory that is not there yet, or an empty directory. */
  output: string;
  /** One of the format's types. */
  type: string;
  /** As in a recipe; the model's own when left out. */
  template?: string;
  system?: string;
  /** Whether the adapter becomes part of the model. */
  merge: boolean;
  onWarning(text: string): void;
  onProgress(share: number): void;
}

/** Adding a format: a file beside this, and its line in `formats.ts`. */
export interface ExportFormat {
  /** As the help has it: "a model file for llama.cpp". */
  summary: string;
  /** What --type may say, the usual one first; none where there is no choice. */
  types?: readonly string[];
  /** Whether --adapter has to be given. */
  needsAdapter?: boolean;
  /** Whether --system means something. */
  takesSystem?: boolean;
  /** Whether --no-merge does: the adapter may stay apart. */
  keepsAdapter?: boolean;
  /** @returns lines to show: a label and a text each. */
  run(request: ExportRequest): Promise<[label: string, text: string][]>;
}
