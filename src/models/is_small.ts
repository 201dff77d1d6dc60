import type { Model } from "./family.ts";
import { modelLayout, multipliedNumbers } from "./layout.ts";

const SMALL = 8e6;

/** Whether a model has so few numbers to multiply by that threads which share each product gain less than they cost. */
export const isSmall = (model: Model): boolean => multipliedNumbers(modelLayout(model)) <= SMALL;
