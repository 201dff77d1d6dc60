import { AttuneError } from "../../text/errors.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { EndTokens, TokenRule } from "../token_rules.ts";
import { type State, startOf } from "./automaton.ts";
import { literal, maybe, type Rule, sequence } from "./grammar.ts";
import { type TokenTree, tokenTree } from "./token_tree.ts";

/** A token that may follow, and how many bytes the text then still needs. */
interface Fitting {
  id: number;
  least: number;
}

/**
 * Lets an answer be only what `grammar` says, and end only where it may. Near the longest answer it allows what still
 * can be finished, a token for each byte: so the answer is always whole.
 * @throws AttuneError when the answer can't be long enough for it.
 */
export function constrain(grammar: Rule, tokenizer: Tokenizer): (ends: EndTokens) => TokenRule {
  const start = startOf(sequence(maybe(literal(" ")), grammar)); // models like to begin with a space
  const tree = tokenTree(tokenizer);
  const known = new Map<State, Fitting[]>();
  const fittingIn = (state: State) => {
    const found = known.get(state) ?? fittingTokens(tree, state);
    known.set(state, found);
    return found;
  };
  return ({ stopIds }) => {
    let [state, read] = [start, 0];
    return (scores, { tokens, promptLength, maxNewTokens }) => {
      if (read === 0) requireRoom(start, maxNewTokens);
      for (; promptLength + read < tokens.length; read++)
        state = afterToken(state, tokenizer.bytesOf(tokens[promptLength + read]!));
      const left = maxNewTokens - read - 1;
      const allowed = fittingIn(state).filter(({ id, least }) => id < scores.length && least <= left);
      const ids = [...allowed.map(({ id }) => id), ...(state.isEnd ? stopIds : [])];
      const kept = ids.map((id) => scores[id]!);
      scores.fill(Number.NEGATIVE_INFINITY);
      for (const [i, id] of ids.entries()) scores[id] = kept[i]!;
    };
  };
}

function afterToken(state: State, bytes: Uint8Array): State {
  let at: State | undefined = state;
  for (const byte of bytes) at = at?.after(byte);
  if (!at) throw new Error("a token was chosen that may not follow");
  return at;
}

function fittingTokens(tree: TokenTree, start: State): Fitting[] {
  const found: Fitting[] = [];
  const visit = ({ ids, next }: TokenTree, state: State) => {
    for (const id of ids) found.push({ id, least: state.least });
    for (const [byte, inner] of next) {
      const after = state.after(byte);
      if (after) visit(inner, after);
    }
  };
  visit(tree, start);
  return found;
}

function requireRoom({ least }: State, room: number): void {
  if (least < room) return;
  throw new AttuneError({
    code: "generation.no-room-for-schema",
    problem: `what fits the response format has ${least} bytes at least, and the answer may have ${room} tokens`,
    wayOut: "Allow a longer answer (max_tokens), or ask for less",
  });
}
