import { AttuneError } from "../../text/errors.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { EndTokens, TokenRule } from "../token_rules.ts";
import { type State, startOf } from "./automaton.ts";
import { literal, maybe, type Rule, sequence } from "./grammar.ts";
import { type TokenTree, tokenTree } from "./token_tree.ts";

/** Tokens that may follow, and of each how many bytes the text then still needs. */
interface Fitting {
  ids: Uint32Array;
  least: Float64Array;
}

/** States whose tokens are remembered: a megabyte each, where a vocabulary is large and a text may hold anything. */
const KEPT = 64;

/**
 * Lets an answer be only what `grammar` says, and end only where it may. Near the longest answer it allows what still
 * can be finished, a token for each byte: so the answer is always whole.
 * @throws AttuneError when the answer can't be long enough for it.
 */
export function constrain(grammar: Rule, tokenizer: Tokenizer): (ends: EndTokens) => TokenRule {
  const start = startOf(sequence(maybe(literal(" ")), grammar)); // models like to begin with a space
  const tree = tokenTree(tokenizer);
  const known = new Map<State, Fitting>();
  const fittingIn = (state: State) => {
    const found = known.get(state) ?? fittingTokens(tree, state);
    known.delete(state);
    known.set(state, found); // as the latest
    if (known.size > KEPT) known.delete(known.keys().next().value!);
    return found;
  };
  return ({ stopIds }) => {
    let [state, read] = [start, 0];
    return (scores, { tokens, promptLength, maxNewTokens }) => {
      if (read === 0) requireRoom(start, maxNewTokens);
      for (; promptLength + read < tokens.length; read++)
        state = afterToken(state, tokenizer.bytesOf(tokens[promptLength + read]!));
      const left = maxNewTokens - read - 1;
      const { ids, least } = fittingIn(state);
      const allowed = ids.filter((id, i) => id < scores.length && least[i]! <= left);
      keepScores(scores, [allowed, state.isEnd ? [...stopIds] : []]);
    };
  };
}

/** Rules out all tokens but these. */
function keepScores(scores: Float32Array, allowed: readonly ArrayLike<number>[]): void {
  const kept = allowed.map((ids) => Float32Array.from(ids, (id) => scores[id]!));
  scores.fill(Number.NEGATIVE_INFINITY);
  for (const [list, ids] of allowed.entries())
    for (let i = 0; i < ids.length; i++) scores[ids[i]!] = kept[list]![i]!;
}

function afterToken(state: State, bytes: Uint8Array): State {
  let at: State | undefined = state;
  for (const byte of bytes) at = at?.after(byte);
  if (!at) throw new Error("a token was chosen that may not follow");
  return at;
}

function fittingTokens(tree: TokenTree, start: State): Fitting {
  const [found, least]: [number[], number[]] = [[], []];
  const visit = ({ ids, next }: TokenTree, state: State) => {
    for (const id of ids) {
      found.push(id);
      least.push(state.least);
    }
    for (const [byte, inner] of next) {
      const after = state.after(byte);
      if (after) visit(inner, after);
    }
  };
  visit(tree, start);
  return { ids: Uint32Array.from(found), least: Float64Array.from(least) };
}

/** @throws AttuneError when an answer of `room` tokens can't hold what fits, a token for each byte. */
export function requireRoom({ least }: { least: number }, room: number): void {
  if (least < room) return;
  throw new AttuneError({
    code: "generation.no-room-for-schema",
    problem: `what fits the response format has ${least} bytes at least, and the answer may have ${Math.max(room, 0)} tokens`,
    wayOut: "Allow a longer answer (max_tokens), or ask for less",
  });
}
