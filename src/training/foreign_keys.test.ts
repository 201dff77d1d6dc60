import { describe, expect, test } from "vitest";
import keys from "../../test/cases/l7/keys.json" with { type: "json" };
import { applyOverrides } from "../cli/overrides.ts";
import { schemaKeys } from "../text/schema_keys.ts";
import { foreignHints, foreignKey } from "./foreign_keys.ts";
import { parseRecipe, Recipe } from "./recipe.ts";

const least = { model: "base", data: [{ path: "rows.jsonl" }], output: "runs/a" };
const levels = schemaKeys(Recipe);
const paths = [...levels].flatMap(([level, names]) =>
  names.map((name) => (level ? `${level}.${name}` : name)),
);

function refusal(recipe: object): string {
  try {
    parseRecipe(recipe);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("it was not refused");
}

const leaves = paths.map((path) => path.split(".").at(-1)!);
const leavesIn = (text: string) => leaves.filter((leaf) => new RegExp(`\\b${leaf}\\b`).test(text));

test("every target is a key of the recipe, and what is said beside it names no other", () => {
  const targets = foreignHints.flatMap((hint) => ("key" in hint ? [hint.key] : []));
  expect(targets.filter((target) => !paths.includes(target))).toEqual([]);
  for (const hint of foreignHints)
    expect(leavesIn("reason" in hint ? hint.reason : (hint.note ?? ""))).toEqual([]);
});

/** Keys as they stand in recipes of other trainers. */
test.each<[trainer: string, names: string]>([
  [
    "transformers",
    "output_dir per_device_train_batch_size num_train_epochs max_steps learning_rate lr_scheduler_type warmup_steps warmup_ratio optim weight_decay adam_beta1 adam_beta2 adam_epsilon gradient_accumulation_steps max_grad_norm bf16 fp16 tf32 gradient_checkpointing torch_compile neftune_noise_alpha auto_find_batch_size logging_strategy logging_steps report_to run_name eval_strategy eval_steps per_device_eval_batch_size save_strategy save_steps save_total_limit push_to_hub hub_model_id load_best_model_at_end metric_for_best_model seed data_seed dataloader_num_workers remove_unused_columns group_by_length fsdp deepspeed do_train do_eval resume_from_checkpoint overwrite_output_dir model_name_or_path",
  ],
  [
    "TRL",
    "dataset_name dataset_config dataset_train_split dataset_test_split model_name_or_path dtype attn_implementation use_peft lora_r lora_alpha lora_dropout lora_target_modules lora_modules_to_save use_rslora use_dora load_in_8bit load_in_4bit bnb_4bit_quant_type use_bnb_nested_quant chat_template_path dataset_text_field dataset_num_proc eos_token max_length max_seq_length truncation_mode shuffle_dataset packing padding_free completion_only_loss assistant_only_loss chat_template_kwargs",
  ],
  [
    "PEFT",
    "r target_modules exclude_modules lora_alpha lora_dropout fan_in_fan_out bias use_rslora modules_to_save init_lora_weights layers_to_transform layers_pattern rank_pattern alpha_pattern trainable_token_indices use_dora task_type peft_type inference_mode",
  ],
  [
    "axolotl",
    "base_model datasets val_set_size dataset_prepared_path sequence_len sample_packing pad_to_sequence_len lora_r lora_alpha lora_dropout lora_target_linear lora_target_modules lora_modules_to_save peft_use_rslora peft_use_dora loraplus_lr_ratio micro_batch_size gradient_accumulation_steps num_epochs optimizer lr_scheduler learning_rate warmup_ratio warmup_steps evals_per_epoch saves_per_epoch train_on_inputs flash_attention special_tokens chat_template roles_to_train train_on_eos wandb_project early_stopping_patience neftune_noise_alpha strict tokenizer_type model_type group_by_length shuffle_merged_datasets",
  ],
  [
    "LLaMA-Factory",
    "model_name_or_path adapter_name_or_path finetuning_type lora_target lora_rank lora_alpha lora_dropout use_rslora use_dora pissa_init additional_target freeze_trainable_layers dataset dataset_dir cutoff_len max_samples overwrite_cache preprocessing_num_workers packing neat_packing train_on_prompt mask_history val_size eval_dataset plot_loss quantization_bit quantization_method double_quantization flash_attn enable_thinking mix_strategy interleave_probs streaming resize_vocab pure_bf16 ddp_timeout",
  ],
  [
    "Unsloth",
    "max_seq_length load_in_4bit full_finetuning use_gradient_checkpointing random_state loftq_config dataset_num_proc model_name",
  ],
  [
    "mlx-lm",
    "fine_tune_type optimizer num_layers batch_size iters val_batches learning_rate steps_per_report steps_per_eval resume_adapter_file adapter_path save_every test_batches max_seq_length grad_checkpoint grad_accumulation_steps lr_schedule lora_parameters mask_prompt report_to project_name trust_remote_code",
  ],
  [
    "torchtune",
    "tokenizer checkpointer dataset batch_size epochs max_steps_per_epoch lr_scheduler clip_grad_norm compile metric_logger log_every_n_steps device dtype enable_activation_checkpointing lora_attn_modules apply_lora_to_mlp lora_rank run_val_every_n_steps",
  ],
])("keys of %s lead to a key or say why none is needed", (_, names) => {
  const silent = names.split(" ").filter((name) => !foreignKey("", name) && !known(name));
  expect(silent).toEqual([]);
});

/** attune's own key, spelt otherwise or elsewhere. */
const known = (name: string) => {
  if (paths.includes(name)) return true;
  const { [name]: _, ...rest } = { ...least, [name]: 1 } as Record<string, unknown>;
  return /did you mean/.test(refusal({ ...rest, [name]: 1 }));
};

describe("the key that was meant is named, and no other", () => {
  test.each(keys as [string, string[]][])("%s", (override, meant) => {
    const said = refusal(applyOverrides(least, [override]) as object);
    for (const name of meant) expect(said).toMatch(new RegExp(`\\b${name}\\b`));
    const own = [...override.split("=")[0]!.split("."), ...meant, "training", "adapter"];
    const leaves = paths.map((path) => path.split(".").at(-1)!);
    expect(leaves.filter((leaf) => !own.includes(leaf) && new RegExp(`\\b${leaf}\\b`).test(said))).toEqual(
      [],
    );
  });

  test.each<[object, string]>([
    [{ lora_r: 8 }, "lora_r: unknown key; attune calls it adapter.r"],
    [{ "lora-alpha": 8 }, "lora-alpha: unknown key; attune calls it adapter.alpha"],
    [
      { training: { learning_rate: 1e-4 } },
      "training.learning_rate: unknown key; did you mean learningRate?",
    ],
    [{ learning_rate: 1e-4 }, "learning_rate: unknown key; did you mean training.learningRate?"],
    [{ epochs: 2 }, "epochs: unknown key; did you mean training.epochs?"],
    [{ bf16: true }, "bf16: unknown key: attune computes in float32: leave it out"],
    [
      { training: { packing: true } },
      "training.packing: unknown key: short examples share a row anyway, and each sees itself alone: leave it out",
    ],
    [{ data: [{ path: "a", type: "alpaca" }] }, "data.0.type: unknown key; attune calls it data.format"],
    [{ adapter: { type: "lora", lora_r: 8 } }, "adapter.lora_r: unknown key; attune calls it adapter.r"],
    [
      { adapter: { type: "lora", target_modules: ["q"] } },
      "adapter.target_modules: unknown key; did you mean targetModules?",
    ],
    [
      { evaluation: { fraction: 0.1, steps: 5 } },
      "evaluation.steps: unknown key; attune calls it evaluation.every",
    ],
    [{ whatever: 1 }, "whatever: unknown key"],
    [{ objctive: 1 }, "objctive: unknown key; did you mean objective?"],
    [{ rl: "dpo" }, "rl: unknown key; attune calls it objective.type"],
  ])("%j", (part, line) => {
    expect(refusal({ ...least, ...part })).toBe(`recipe has a problem:\n  ${line}`);
  });
});
