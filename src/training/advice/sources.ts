/** Who says so. */
export const SOURCES = {
  regret: "Schulman et al. 2025, LoRA Without Regret, https://thinkingmachines.ai/blog/lora/",
  qlora: "Dettmers et al. 2023, QLoRA, https://arxiv.org/abs/2305.14314",
  rslora: "Kalajdzievski 2023, rsLoRA, https://arxiv.org/abs/2312.03732",
  lora: "Hu et al. 2021, LoRA, https://arxiv.org/abs/2106.09685",
  learnsLess: "Biderman et al. 2024, LoRA Learns Less and Forgets Less, https://arxiv.org/abs/2405.09673",
  alpaca: "Taori et al. 2023, Stanford Alpaca, https://github.com/tatsu-lab/stanford_alpaca",
  lima: "Zhou et al. 2023, LIMA, https://arxiv.org/abs/2305.11206",
  dpo: "Rafailov et al. 2023, DPO, https://arxiv.org/abs/2305.18290; Hugging Face's alignment handbook (Zephyr)",
  kto: "Ethayarajh et al. 2024, KTO, https://arxiv.org/abs/2402.01306; TRL's KTOTrainer",
  repeats:
    "Muennighoff et al. 2023, Scaling Data-Constrained Language Models, https://arxiv.org/abs/2305.16264",
  warmup: "Goyal et al. 2017, https://arxiv.org/abs/1706.02677; Dettmers et al. 2023",
  trl: "TRL 1.13's defaults",
  course: "Hugging Face's course, chapter 7.6, for GPT-2's size",
  attune: "attune's docs/limits.md",
} as const;
