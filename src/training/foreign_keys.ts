/**
 * What other trainers call a recipe's keys: transformers' TrainingArguments, TRL, PEFT's LoraConfig, axolotl, LLaMA-Factory,
 * Unsloth, mlx-lm, torchtune and LitGPT. Names are compared without case, "-" and "_"; "data.name" is for that level alone.
 */

/** attune's key, or why none is needed. */
export type Hint = { key: string; note?: string } | { reason: string };

/** What a key found at `level` ("" at the top, "data", "adapter", …) is called here. */
export function foreignKey(level: string, name: string): Hint | undefined {
  return HINTS.get(`${level}.${plainKey(name)}`) ?? HINTS.get(plainKey(name));
}

/** As names are compared. */
export const plainKey = (name: string): string => name.replace(/[-_]/g, "").toLowerCase();

const KEYS: readonly [key: string, names: string, note?: string][] = [
  [
    "model",
    "model_name_or_path model_name base_model base_model_name_or_path pretrained_model_name_or_path model_id model_path model_dir checkpoint_dir checkpointer",
  ],
  [
    "data",
    "dataset datasets dataset_name dataset_name_or_path dataset_path dataset_dir dataset_id data_path data_dir data_files data_file train_file train_files train_data train_dataset training_data train_data_path custom_train_dataset_path",
  ],
  [
    "data.path",
    "data.source data.file data.file_name data.file_path data.hf_hub_url data.ms_hub_url data.repo_id data.id",
  ],
  [
    "data.config",
    "data.name data.subset data.config_name data.dataset_config dataset_config dataset_config_name",
  ],
  ["data.split", "data.train_split data.dataset_split dataset_train_split train_split train_on_split"],
  [
    "data.format",
    "data.type data.formatting data.prompt_style dataset_format dataset_type data_format formatting",
  ],
  [
    "data.columns",
    "dataset_text_field text_field text_column column_map column_mapping data.fields data.field data.tags field_instruction field_input field_output field_system field_messages field_human field_model message_property_mappings message_field_role message_field_content prompt_field completion_field text_feature prompt_feature completion_feature chat_feature",
  ],
  [
    "data.maxExamples",
    "max_samples max_train_samples num_samples train_dataset_sample data.limit data.sample data.shards",
  ],
  [
    "data.weight",
    "interleave_probs sampling_weight data.probability data.probabilities data.proportion data.ratio",
  ],
  ["mixture", "mix_strategy"],
  ["output", "output_dir output_path out_dir save_dir save_path adapter_path lora_output_dir"],
  [
    "template",
    "chat_template chat_template_path chat_template_jinja prompt_template prompt_style prompt_format template_name conversation conversation_template template_type",
  ],
  ["chatTemplateKwargs", "enable_thinking reasoning_effort template_kwargs template_variables"],
  [
    "trainOn",
    "train_on_inputs train_on_input train_on_prompt mask_prompt mask_history mask_inputs assistant_only_loss completion_only_loss train_on_completions train_on_responses_only roles_to_train train_on_source last_turn_loss only_last_turn_loss loss_scale",
  ],
  ["seed", "random_state random_seed data_seed dataset_shuffle_seed"],
  [
    "shuffle",
    "shuffle_dataset shuffle_merged_datasets shuffle_data train_dataloader_shuffle dataset_shuffle train_sampling_strategy disable_shuffling",
  ],
  ["deduplicate", "dataset_exact_deduplication dedup deduplication"],
  [
    "trainableLayers",
    "freeze_trainable_layers num_layers_trainable unfrozen_layers n_layers_to_train freeze_layers unfrozen_parameters",
  ],
  ["objective", "trainer_type loss"],
  ["objective.type", "rl rlhf_type rl_type pref_loss objective.name objective.kind"],
  ["objective.beta", "beta dpo_beta pref_beta kto_beta orpo_beta orpo_alpha simpo_beta"],
  ["objective.lossType", "loss_type dpo_loss dpo_loss_type"],
  ["objective.labelSmoothing", "dpo_label_smoothing label_smoothing"],
  ["objective.simpoGamma", "gamma simpo_gamma_beta_ratio"],
  ["objective.desirableWeight", "kto_desirable_weight kto_chosen_weight chosen_weight"],
  ["objective.undesirableWeight", "kto_undesirable_weight kto_rejected_weight rejected_weight"],
  ["training", "train_args training_args training_arguments trainer trainer_args"],
  ["training.learningRate", "lr max_lr peak_lr learning_rates training.rate optimizer_lr"],
  [
    "training.schedule",
    "lr_scheduler lr_scheduler_type lr_schedule scheduler scheduler_type learning_rate_scheduler lr_decay_style",
  ],
  [
    "training.warmupRatio",
    "warmup_steps num_warmup_steps lr_warmup_steps lr_warmup_ratio warmup lr_warmup_fraction warmup_fraction",
    "a share of the steps",
  ],
  [
    "training.epochs",
    "num_train_epochs num_epochs n_epochs train_epochs max_epochs training_epochs num_training_epochs",
  ],
  [
    "training.maxSteps",
    "iters iterations num_iters num_steps num_training_steps total_steps train_steps max_iters max_steps_per_epoch train_iters training.steps",
  ],
  [
    "training.batchSize",
    "micro_batch_size per_device_train_batch_size per_device_batch_size train_batch_size global_batch_size total_batch_size mini_batch_size train_micro_batch_size_per_gpu gradient_accumulation_steps grad_accumulation_steps gradient_accumulation grad_accum accumulation_steps accumulate_grad_batches",
    "the examples of an optimizer step, however many passes it takes",
  ],
  [
    "training.maxLength",
    "cutoff_len sequence_len sequence_length seq_length seq_len max_seq_length max_seq_len max_sequence_length model_max_length block_size context_length max_tokens max_len max_prompt_length",
  ],
  [
    "training.maxGradNorm",
    "clip_grad_norm grad_clip gradient_clipping gradient_clip_val clip_grad max_norm grad_norm_clip max_gradient_norm",
  ],
  ["training.weightDecay", "wd decay"],
  ["training.neftuneNoiseAlpha", "neftune_alpha noise_alpha neftune neftune_backend"],
  [
    "training.gradientCheckpointing",
    "grad_checkpoint grad_checkpointing use_gradient_checkpointing enable_activation_checkpointing activation_checkpointing disable_gradient_checkpointing vit_gradient_checkpointing gradient_checkpointing_kwargs recompute_granularity",
  ],
  [
    "training.evaluateEvery",
    "eval_steps eval_every eval_interval evaluation_steps steps_per_eval evals_per_epoch eval_strategy evaluation_strategy run_val_every_n_steps val_check_interval eval_frequency do_eval",
  ],
  ["evaluation.every", "evaluation.steps evaluation.interval evaluation.strategy evaluation.frequency"],
  [
    "training.saveEvery",
    "save_steps save_interval save_strategy saves_per_epoch checkpoint_every checkpoint_interval save_freq save_every_n_steps checkpointing_steps",
  ],
  [
    "evaluation.fraction",
    "val_set_size val_size val_ratio val_fraction val_split val_split_fraction validation_split validation_fraction test_size test_split eval_ratio eval_split eval_size split_dataset_ratio evaluation.size evaluation.ratio evaluation.share",
  ],
  [
    "evaluation.path",
    "eval_dataset eval_datasets test_datasets validation_file eval_file val_data val_dataset dataset_test_split dataset_validation evaluation.file evaluation.dataset",
  ],
  ["evaluation.generate", "predict_with_generate evaluation.samples"],
  ["evaluation.patience", "early_stopping_patience early_stopping early_stopping_steps early_stop_interval"],
  [
    "adapter",
    "peft peft_config lora lora_config lora_parameters lora_params lora_args qlora full_finetuning",
  ],
  [
    "adapter.type",
    "finetuning_type fine_tune_type finetune_type train_type tuner_type peft_type peft_method adapter.kind adapter.method use_peft use_lora lora_enable train_method",
  ],
  [
    "adapter.path",
    "adapter_name_or_path lora_model_dir resume_adapter_file lora_path adapter_dir adapters checkpoint_adapter lora_weights",
  ],
  ["adapter.r", "lora_r lora_rank rank lora_dim lora_attn_dim adapter.lora_rank vera_rank network_dim"],
  ["adapter.alpha", "lora_alpha lora_scale adapter.scale lora_scaling network_alpha"],
  ["adapter.dropout", "lora_dropout lora_dropout_p lora_drop"],
  [
    "adapter.targetModules",
    "lora_target lora_targets lora_target_modules lora_target_linear lora_modules lora_attn_modules apply_lora_to_mlp apply_lora_to_output adapter.keys lora_keys lora_query lora_key lora_value lora_projection lora_mlp lora_head adapter.targets adapter.modules target_regex",
  ],
  ["adapter.targetParameters", "lora_target_parameters lora_target_experts target_experts"],
  [
    "adapter.modulesToSave",
    "lora_modules_to_save additional_target additional_saved_modules trainable_modules",
  ],
  [
    "adapter.layersToTransform",
    "lora_layers_to_transform peft_layers_to_transform lora_layers num_layers adapter.layers",
  ],
  ["adapter.layersPattern", "peft_layers_pattern"],
  ["adapter.useRslora", "peft_use_rslora lora_rslora rslora rs_lora"],
  ["adapter.useDora", "peft_use_dora lora_dora dora force_dora quantize_dora"],
  ["adapter.bias", "lora_train_bias train_bias"],
  [
    "adapter.initLoraWeights",
    "pissa_init pissa_iter pissa loftq_config use_loftq peft_init_lora_weights init_weights lora_init",
  ],
  [
    "adapter.loraplusLrRatio",
    "loraplus_ratio lora_plus_lr_ratio lorap_lr_ratio lora_plus_ratio lora_lr_ratio",
  ],
  ["adapter.loraplusLrEmbedding", "lora_plus_lr_embedding lorap_emb_lr"],
  ["adapter.trainableTokenIndices", "peft_trainable_token_indices new_tokens"],
  [
    "quantization.type",
    "load_in_4bit load_in_8bit load_in_4bits load_in_8bits quantization_bit quantization_bits quant_bits quantization_method quant_method quant_type bnb_4bit_quant_type quantize quantization.bits quantization.bit bits",
  ],
  [
    "quantization.doubleQuant",
    "bnb_4bit_use_double_quant use_bnb_nested_quant double_quantization use_double_quant bnb_double_quant",
  ],
  ["quantization", "bnb_config bnb_config_kwargs quantization_config"],
];

const FLOAT32 = "attune computes in float32: leave it out";
const ONE_PROCESS = "a run is one process on this machine: leave it out";
const LOGS = "metrics.jsonl gets a line a step, and nothing is sent anywhere: leave it out";
const UPLOADS = "nothing is uploaded: leave it out";
const PACKS = "short examples share a row anyway, and each sees itself alone: leave it out";
const ALL_CORES = "all cores are used and files are read piece by piece: leave it out";
const ADAMW = "the optimizer is AdamW with PyTorch's settings (betas 0.9 and 0.999, eps 1e-8): leave it out";
const ATTENTION = "attention has one implementation here: leave it out";
const TOKENIZER = "tokens and their settings come from the tokenizer's own files: change them there";
const NOT_NEEDED = "attune needs no such setting: leave it out";

const NEEDLESS: readonly [reason: string, names: string][] = [
  [
    FLOAT32,
    "bf16 fp16 tf32 fp8 float16 bfloat16 pure_bf16 bf16_full_eval fp16_full_eval dtype torch_dtype precision mixed_precision compute_dtype bnb_4bit_compute_dtype bnb_4bit_quant_storage upcast_layernorm upcast_lmhead_output half_precision_backend fp16_opt_level compute_type",
  ],
  [
    ONE_PROCESS,
    "deepspeed fsdp fsdp_config ddp ddp_timeout ddp_backend ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph local_rank nproc_per_node num_processes num_gpus gpus devices device device_map max_memory accelerator_config parallelism_config use_cpu no_cuda use_mps_device tensor_parallel_size tensor_parallel_degree context_parallel_size sequence_parallel_size sequence_parallel_degree custom_sharded_layers cuda auto_find_batch_size average_tokens_across_devices",
  ],
  [
    LOGS,
    "logging_steps logging_strategy logging_dir logging_first_step logging_nan_inf_filter log_level log_level_replica log_on_each_node log_every_n_steps log_interval log_peak_memory_stats metric_logger steps_per_report report_to run_name project project_name wandb wandb_project wandb_entity wandb_name wandb_run_id wandb_watch wandb_log_model wandb_mode mlflow_tracking_uri mlflow_experiment_name use_tensorboard use_wandb use_swanlab swanlab_project swanlab_mode comet_project_name trackio_space_id plot_loss disable_tqdm logger_name include_num_input_tokens_seen include_tokens_per_second",
  ],
  [
    UPLOADS,
    "push_to_hub hub_model_id hub_token hub_strategy hub_private_repo hub_always_push hub_revision hub_model_revision hf_use_auth_token hf_hub_token",
  ],
  [
    PACKS,
    "packing packed neat_packing sample_packing multipack multipack_real_batches eval_sample_packing eval_packing packing_strategy pad_to_sequence_len pad_to_multiple_of padding_free padding padding_side group_by_length length_column_name dataloader_drop_last drop_last batch_flattening sample_packing_group_size sample_packing_bin_size pad_token_id",
  ],
  [
    ALL_CORES,
    "dataset_num_proc dataset_processes preprocessing_num_workers num_workers num_proc dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor dataloader_multiprocessing_context dataloader_in_order streaming dataset_streaming buffer_size preprocessing_batch_size overwrite_cache dataset_prepared_path lazy_tokenize load_from_cache_file skip_prepare_dataset dataset_keep_in_memory tokenized_path dataset_kwargs",
  ],
  [
    ADAMW,
    "optim optimizer optim_args optim_target_modules optimizer_config adam_beta1 adam_beta2 adam_epsilon adam_eps betas eps beta1 beta2 momentum use_galore galore_rank use_apollo use_badam use_muon fused lr_scheduler_kwargs lr_scheduler_args cosine_min_lr_ratio min_lr min_lr_ratio cosine_constant_lr_ratio",
  ],
  [
    ATTENTION,
    "flash_attention flash_attn flash_attn_2 use_flash_attention attn_implementation attn_impl sdp_attention xformers_attention eager_attention s2_attention flex_attention shift_attn torch_compile torch_compile_backend torch_compile_mode compile use_liger_kernel enable_liger_kernel liger_kernel_config liger_rope liger_rms_norm liger_glu_activation liger_fused_linear_cross_entropy use_unsloth use_unsloth_gc unsloth_lora_mlp lora_mlp_kernel lora_qkv_kernel lora_o_kernel use_kernels use_cache enable_activation_offloading activation_offloading",
  ],
  [
    TOKENIZER,
    "tokenizer tokenizer_name tokenizer_name_or_path tokenizer_path tokenizer_config tokenizer_type tokenizer_use_fast use_fast_tokenizer special_tokens tokens added_tokens add_tokens add_special_tokens new_special_tokens added_tokens_overrides eos_token eot_tokens pad_token bos_token resize_vocab resize_token_embeddings_to_32x split_special_tokens default_system rope_scaling rope_theta overrides_of_model_config model_config model_init_kwargs model_kwargs model_type config_name",
  ],
  [
    "checkpoints are kept as a resume needs them, the last two: leave it out",
    "save_total_limit save_only_model save_safetensors save_on_each_node save_adapter_weights_only save_optimizer keep_checkpoints keep_last_n_checkpoints max_checkpoints",
  ],
  [
    "the same command again goes on from the last checkpoint: leave it out",
    "resume_from_checkpoint resume auto_resume auto_resume_from_checkpoints resume_only_model resume_from recipe_checkpoint ignore_data_skip",
  ],
  [
    "a run directory is never overwritten: remove it or name another one",
    "overwrite_output_dir exist_ok add_version",
  ],
  [
    "best/ holds the result with the lowest held-out loss: leave it out",
    "load_best_model_at_end metric_for_best_model greater_is_better create_checkpoint_symlink",
  ],
  ["no code from elsewhere is run: leave it out", "trust_remote_code trust_remote_code_model"],
  [
    "of an example that is too long the start is kept: leave it out",
    "truncation_mode truncation_strategy truncation",
  ],
  ["the token that ends a trained answer is trained with it: leave it out", "train_on_eos train_on_eot"],
  [
    "held-out examples are evaluated whole, in batches that fit: leave it out",
    "per_device_eval_batch_size eval_batch_size batch_size_val val_batches test_batches max_eval_batches eval_accumulation_steps batch_eval_metrics eval_do_concat_batches prediction_loss_only eval_on_start eval_delay include_for_metrics compute_accuracy",
  ],
  [
    NOT_NEEDED,
    "do_train do_predict train test task_type inference_mode auto_mapping peft_version fan_in_fan_out lora_fan_in_fan_out remove_unused_columns label_names full_determinism strict ds_type data.file_type skip_memory_metrics low_cpu_mem_usage use_safetensors is_llama_derived_model is_mistral_derived_model is_qwen_derived_model",
  ],
];

const split = (names: string) => names.split(" ").map(scoped);

/** "data.file_name" becomes "data.filename": the level stays, the name is made plain. */
function scoped(name: string): string {
  const [last, ...level] = name.split(".").reverse();
  return [...level.reverse(), plainKey(last!)].join(".");
}

const HINTS: ReadonlyMap<string, Hint> = new Map([
  ...NEEDLESS.flatMap(([reason, names]) => split(names).map((name): [string, Hint] => [name, { reason }])),
  ...KEYS.flatMap(([key, names, note]) => split(names).map((name): [string, Hint] => [name, { key, note }])),
]);

/** All there are, for tests: each key is to be one of the recipe, and no text is to name another. */
export const foreignHints: readonly Hint[] = [...HINTS.values()];
