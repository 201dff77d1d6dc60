/**
 * attune as a library: run a recipe, talk to a model, merge an adapter.
 *
 * ```ts
 * for await (const event of train({ model: "./models/base", data: [{ path: "alpaca.json" }], adapter: { type: "lora" }, output: "runs/alpaca" }))
 *   if (event.type === "step") console.log(event.step, event.loss);
 * ```
 */
import type { RecipeInput } from "./training/recipe.ts";

export type { PreparationReport } from "./data/tokenize/preparation_report.ts";
export type { Evaluation } from "./evaluation/evaluation.ts";
export type { ScoredRow, ScoreFunction } from "./evaluation/own_scores.ts";
export type { Comparison, Sample } from "./evaluation/scorecard.ts";
export {
  type CombineDirectoriesOptions,
  combineAdapterDirectories,
} from "./export/combine_directories.ts";
export { type ExtractOptions, extractAdapter } from "./export/extract_adapter.ts";
export { exportGguf, type GgufOptions, type GgufReport } from "./export/gguf/export_gguf.ts";
export { exportLora, type LoraOptions, type LoraReport } from "./export/gguf/export_lora.ts";
export {
  type MergeOptions,
  type MergeReport,
  mergeAdapter,
  type UnmergeReport,
  unmergeAdapter,
} from "./export/merge.ts";
export { exportMlx, type MlxOptions, type MlxReport } from "./export/mlx/export_mlx.ts";
export {
  exportMlxAdapter,
  type MlxAdapterOptions,
  type MlxAdapterReport,
} from "./export/mlx/export_mlx_adapter.ts";
export { exportOllama, type OllamaOptions, type OllamaReport } from "./export/ollama/export_ollama.ts";
export { exportOnnx, type OnnxOptions, type OnnxReport } from "./export/onnx/export_onnx.ts";
export { exportPeft, type PeftOptions, type PeftReport } from "./export/peft/export_peft.ts";
export { type PushOptions, type PushReport, pushModel } from "./export/push/push_model.ts";
export { type QuantizeOptions, quantizeModel } from "./export/quantize_model.ts";
export type { Completion } from "./generation/completion.ts";
export { type LoadedModel, type LoadModelOptions, loadModel } from "./generation/load_model.ts";
export type { AnswerOptions, ChatOptions } from "./generation/talk.ts";
export type { AdapterChoice } from "./generation/variants.ts";
export { type Estimate, type EstimateOptions, estimate } from "./run/estimate/estimate.ts";
export { type EvaluateOptions, evaluate, type Tuned } from "./run/evaluate.ts";
export { type TrainOptions, train } from "./run/train.ts";
export { type StagedEvent, type StageEvent, trainStages } from "./run/train_stages.ts";
export type { Device, OpenSession } from "./runtime/session.ts";
export type { Message, Tool } from "./templates/message.ts";
export { AttuneError } from "./text/errors.ts";
export type {
  CheckpointEvent,
  EndEvent,
  EvaluationEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
  WarningEvent,
} from "./training/events.ts";
export { parseRecipe, type Recipe, type RecipeInput, recipeJsonSchema } from "./training/recipe.ts";
export type { StagedRecipeInput, StageInput } from "./training/staged_recipe.ts";

/** A recipe as it is; in a TypeScript or JavaScript recipe file it lets the editor complete and check the keys. */
export const defineRecipe = (recipe: RecipeInput): RecipeInput => recipe;
