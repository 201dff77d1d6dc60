import * as z from "zod";
import { dpo } from "./dpo.ts";
import { kto } from "./kto.ts";
import type { Objective, ObjectiveKind } from "./objective.ts";
import { orpo } from "./orpo.ts";
import { sft } from "./sft.ts";
import { simpo } from "./simpo.ts";

/** All objectives, by the name a recipe gives them. A new one is a file and a line here. */
export const OBJECTIVES = { sft, dpo, orpo, simpo, kto };

export type ObjectiveType = keyof typeof OBJECTIVES;

type Settings = (typeof OBJECTIVES)[ObjectiveType]["settings"];
const all = Object.values(OBJECTIVES).map(({ settings }) => settings) as [Settings, ...Settings[]];

export const objectiveSettings = z.discriminatedUnion("type", all);
export type ObjectiveSettings = z.output<typeof objectiveSettings>;

export const openObjective = (settings: ObjectiveSettings): Objective =>
  (OBJECTIVES[settings.type] as ObjectiveKind).open(settings);
