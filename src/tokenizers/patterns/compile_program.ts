import type { CharSet } from "./char_set.ts";
import { WORD } from "./named_sets.ts";
import { type PatternNode, PLACES, type Repeat } from "./pattern_node.ts";
import { Op, type Option, type Program } from "./program.ts";

const LARGEST = 20_000; // instructions: each may be tried at each place of a text

interface Compiler {
  op: number[];
  a: number[];
  b: number[];
  c: number[];
  backward: number[];
  retry: number[];
  sets: Map<string, [number, CharSet]>;
  choices: Option[][];
  slots: number;
  runs: number;
  /** Inside loops whose body may match nothing: what an instruction does depends on more than its place. */
  emptyLoops: number;
  retries: number;
  isBackward: boolean;
  refuse: (what: string) => never;
}

/** Turns a pattern into instructions for a search. @param refuse is called when there would be too many. */
export function compileProgram(node: PatternNode, refuse: (what: string) => never): Program {
  const compiler: Compiler = {
    ...{ op: [], a: [], b: [], c: [], backward: [], retry: [] },
    ...{
      sets: new Map(),
      choices: [],
      slots: 0,
      runs: 0,
      emptyLoops: 0,
      retries: 0,
      isBackward: false,
      refuse,
    },
  };
  compileNode(compiler, node);
  emit(compiler, Op.match);
  const wordSet = compiler.sets.has(WORD.key) ? setIndex(compiler, WORD) : -1;
  return {
    op: Uint8Array.from(compiler.op),
    a: Int32Array.from(compiler.a),
    b: Int32Array.from(compiler.b),
    c: Int32Array.from(compiler.c),
    backward: Uint8Array.from(compiler.backward),
    retry: Int32Array.from(compiler.retry),
    first: firstOf(compiler, node),
    sets: [...compiler.sets.values()].map(([, set]) => set),
    ...{ choices: compiler.choices, wordSet, slots: compiler.slots, runs: compiler.runs },
  };
}

function emit(compiler: Compiler, op: number, a = 0, b = 0, c = 0): number {
  if (compiler.op.length >= LARGEST) return compiler.refuse(`it is too large (${LARGEST} steps)`);
  compiler.op.push(op);
  compiler.a.push(a);
  compiler.b.push(b);
  compiler.c.push(c);
  compiler.backward.push(compiler.isBackward ? 1 : 0);
  const branches = [Op.split, Op.choice, Op.run, Op.count].some((branching) => branching === op);
  compiler.retry.push(branches && compiler.emptyLoops === 0 ? compiler.retries++ : -1);
  return compiler.op.length - 1;
}

function setIndex({ sets }: Compiler, set: CharSet): number {
  const known = sets.get(set.key);
  if (known) return known[0];
  sets.set(set.key, [sets.size, set]);
  return sets.size - 1;
}

function compileNode(compiler: Compiler, node: PatternNode): void {
  switch (node.kind) {
    case "set":
      emit(compiler, Op.set, setIndex(compiler, node.set));
      return;
    case "sequence":
      for (const part of compiler.isBackward ? node.parts.toReversed() : node.parts)
        compileNode(compiler, part);
      return;
    case "choice":
      compileChoice(compiler, node.options);
      return;
    case "repeat":
      compileRepeat(compiler, node);
      return;
    case "atomic":
      if (compiler.isBackward)
        compiler.refuse("an atomic or possessive group in a look-behind isn't supported");
      compileInner(compiler, Op.atomic, node.body, false, 0);
      return;
    case "look":
      compileInner(compiler, Op.look, node.body, node.behind, node.negative ? 1 : 0);
      return;
    case "place":
      if (node.place === "wordEdge" || node.place === "noWordEdge") setIndex(compiler, WORD);
      emit(compiler, Op.place, PLACES.indexOf(node.place));
  }
}

/** A program of its own, behind its instruction. Its end depends on its place alone, whatever is around it. */
function compileInner(compiler: Compiler, op: number, body: PatternNode, backward: boolean, b: number): void {
  const { isBackward, emptyLoops } = compiler;
  const start = emit(compiler, op, 0, b);
  [compiler.isBackward, compiler.emptyLoops] = [backward, 0];
  compileNode(compiler, body);
  emit(compiler, Op.match);
  [compiler.isBackward, compiler.emptyLoops] = [isBackward, emptyLoops];
  compiler.a[start] = compiler.op.length;
}

function compileChoice(compiler: Compiler, options: readonly PatternNode[]): void {
  const compiled: Option[] = [];
  emit(compiler, Op.choice, compiler.choices.push(compiled) - 1);
  const jumps = options.map((option) => {
    compiled.push({ pc: compiler.op.length, first: firstOf(compiler, option) });
    compileNode(compiler, option);
    return emit(compiler, Op.jump);
  });
  for (const jump of jumps) compiler.a[jump] = compiler.op.length;
}

function compileRepeat(compiler: Compiler, { body, min, max, lazy }: Repeat): void {
  const unbounded = max === Number.POSITIVE_INFINITY;
  if (body.kind === "set" && !lazy && !compiler.isBackward) {
    const set = setIndex(compiler, body.set);
    if (unbounded && min <= 1) emit(compiler, Op.run, set, min, compiler.runs++);
    else emit(compiler, Op.count, set, min, unbounded ? -1 : max);
    return;
  }
  compileTimes(compiler, body, min);
  if (unbounded) compileLoop(compiler, body, lazy);
  else compileOptional(compiler, body, max - min, lazy);
}

function compileTimes(compiler: Compiler, body: PatternNode, times: number): void {
  for (let i = 0; i < times; i++) {
    const size = compiler.op.length;
    compileNode(compiler, body);
    if (compiler.op.length === size) return; // nothing, any number of times
  }
}

function compileLoop(compiler: Compiler, body: PatternNode, lazy: boolean): void {
  const { mayBeEmpty } = leadOf(compiler, body);
  if (mayBeEmpty) compiler.emptyLoops++;
  const split = emit(compiler, Op.split);
  const slot = compiler.slots;
  if (mayBeEmpty) emit(compiler, Op.enter, compiler.slots++);
  compileNode(compiler, body);
  const leave = mayBeEmpty ? emit(compiler, Op.leave, slot) : -1;
  emit(compiler, Op.jump, split);
  if (mayBeEmpty) compiler.emptyLoops--;
  const exit = compiler.op.length;
  if (leave >= 0) compiler.b[leave] = exit;
  setSplit(compiler, split, exit, lazy);
}

/** At most `times` more, each only after the one before. */
function compileOptional(compiler: Compiler, body: PatternNode, times: number, lazy: boolean): void {
  const splits: number[] = [];
  for (let i = 0; i < times; i++) {
    splits.push(emit(compiler, Op.split));
    compileNode(compiler, body);
  }
  for (const split of splits) setSplit(compiler, split, compiler.op.length, lazy);
}

function setSplit(compiler: Compiler, split: number, exit: number, lazy: boolean): void {
  [compiler.a[split], compiler.b[split]] = lazy ? [exit, split + 1] : [split + 1, exit];
}

/** How a node begins: sets that the first character it takes is of, and whether it may take none. */
interface Lead {
  sets: number[];
  mayBeEmpty: boolean;
}

function leadOf(compiler: Compiler, node: PatternNode): Lead {
  switch (node.kind) {
    case "set":
      return { sets: [setIndex(compiler, node.set)], mayBeEmpty: false };
    case "sequence":
      return leadOfSequence(compiler, compiler.isBackward ? node.parts.toReversed() : node.parts);
    case "choice": {
      const leads = node.options.map((option) => leadOf(compiler, option));
      return {
        sets: leads.flatMap(({ sets }) => sets),
        mayBeEmpty: leads.some(({ mayBeEmpty }) => mayBeEmpty),
      };
    }
    case "repeat": {
      const lead = leadOf(compiler, node.body);
      return { sets: lead.sets, mayBeEmpty: lead.mayBeEmpty || node.min === 0 };
    }
    case "atomic":
      return leadOf(compiler, node.body);
    case "look":
    case "place":
      return { sets: [], mayBeEmpty: true };
  }
}

/** A part that may take nothing leaves the first character to the next one. */
function leadOfSequence(compiler: Compiler, parts: readonly PatternNode[]): Lead {
  const sets: number[] = [];
  for (const part of parts) {
    const lead = leadOf(compiler, part);
    sets.push(...lead.sets);
    if (!lead.mayBeEmpty) return { sets, mayBeEmpty: false };
  }
  return { sets, mayBeEmpty: true };
}

function firstOf(compiler: Compiler, node: PatternNode): readonly number[] | undefined {
  const { sets, mayBeEmpty } = leadOf(compiler, node);
  return mayBeEmpty ? undefined : [...new Set(sets)];
}
