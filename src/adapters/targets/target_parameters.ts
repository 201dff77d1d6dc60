/** Which parameters of mixtures' experts an adapter goes to, matched as PEFT matches `target_parameters`. */
import { AttuneError } from "../../text/errors.ts";
import { endsIn } from "./target_modules.ts";

/** Whether a name is that of experts' parameter, which is meant: named in full, or by how it ends. */
export const parameterMatcher =
  (targets: readonly string[] = []) =>
  (name: string): boolean =>
    /(^|\.)experts\.[^.]+$/.test(name) && targets.some((target) => endsIn(target)(name));

/**
 * The names among `parameters`, in their order, that `targets` mean.
 * @throws AttuneError when one of them means nothing; it names what there is.
 */
export function matchTargetParameters(
  parameters: readonly string[],
  targets: readonly string[] = [],
): string[] {
  const idle = targets.filter((target) => !parameters.some(endsIn(target)));
  if (idle.length === 0) return parameters.filter(parameterMatcher(targets));
  const endings = [...new Set(parameters.map((name) => name.split(".").slice(-2).join(".")))];
  throw new AttuneError({
    code: "adapters.no-match",
    place: "targetParameters",
    problem: `no parameter of experts matches ${idle.join(", ")}`,
    wayOut:
      parameters.length > 0
        ? `This model's: ${endings.join(", ")} (in full, for example, ${parameters[0]})`
        : "This model has no mixtures of experts: name its linear layers in targetModules",
  });
}

/** transformers' names for the parameters of experts, in their order. */
const DECLARED = ["gate_up_proj", "down_proj"];

/**
 * How PEFT nests its wrappers around a module of which several parameters have a term: the last one's is outside. From the name of a
 * term in a file, `…experts.base_layer`, to the parameter it is for, `…experts.gate_up_proj`.
 */
export function parameterOfTerm(term: string, targets: readonly string[]): string | undefined {
  const module = term.replace(/(\.base_layer)+$/, "");
  const depth = (term.length - module.length) / ".base_layer".length;
  return adaptedAt(module, targets).toReversed()[depth];
}

/** The other way round. */
export function termOfParameter(parameter: string, targets: readonly string[]): string {
  const module = parameter.replace(/\.[^.]+$/, "");
  const adapted = adaptedAt(module, targets);
  return module + ".base_layer".repeat(adapted.length - 1 - adapted.indexOf(parameter));
}

const adaptedAt = (module: string, targets: readonly string[]) =>
  DECLARED.map((name) => `${module}.${name}`).filter(parameterMatcher(targets));
