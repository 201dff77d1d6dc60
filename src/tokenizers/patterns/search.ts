import { createCharClasses } from "./char_classes.ts";
import { createFailures, type Failures } from "./failures.ts";
import { createPlaces } from "./places.ts";
import { Op, type Program } from "./program.ts";
import { isPair, placeBefore } from "./surrogates.ts";

/** A search for matches in one text after another. */
export interface Search {
  /** @param most steps that all `find`s in this text together may take. */
  begin(text: string, most: number): void;
  /** Where the first match from `from` on begins, -1 if there is none. */
  find(from: number): number;
  /** Where it ends. */
  end: number;
  /** Steps taken in this text. */
  steps(): number;
}

const EASY_STEPS = 10_000; // after which failures are noted,
const EASY_STEPS_PER_UNIT = 32;

/** What `advance` returns instead of the next instruction. */
const MATCHED = -1;
const FAILED = -2;

/** A frame of the stack says what is left to try when all behind it has failed: what, where in program and text, limits. */
const FRAME = 4;
const RESUME = 0; // at this instruction
const GIVE_BACK = 1; // the last character of a run
const NEXT_OPTION = 2; // of a choice
const NOTE_FAILURE = 3; // nothing: this choice point has failed
const RESTORE = 4; // nothing: a slot gets its value back

/**
 * Runs a pattern by backtracking, as Oniguruma does, but never without end: what a run of characters or a choice can't
 * lead to from a place isn't tried there again, and a search that still takes too many steps is given up.
 */
export function createSearch(program: Program, giveUp: (length: number) => never): Search {
  const { op, a, b, c, backward, retry, choices, first } = program;
  const classes = createCharClasses(program.sets);
  const { ofUnit, members } = classes;
  const slots = new Int32Array(program.slots);
  const rows: (Int32Array | undefined)[][] = choices.map(() => []); // by choice and class: options that may match
  const begins: (boolean | undefined)[] = []; // by class: whether a match may begin with it
  // Of each run: the last one found, and the last one of whose ends from the floor on none led to a match
  const [runFrom, runTo] = [new Int32Array(program.runs), new Int32Array(program.runs)];
  const [deadFloor, deadEnd] = [new Int32Array(program.runs), new Int32Array(program.runs)];
  let stack = new Int32Array(256 * FRAME);
  let [top, at, size, steps, easy, most] = [0, 0, 0, 0, 0, 0];
  let text = "";
  let failures: Failures | undefined;

  const classAt = (place: number) =>
    place < size ? ofUnit[text.charCodeAt(place)] || classes.classify(text, place) : 0;
  const places = createPlaces(classAt, () => members[program.wordSet]);

  const push = (what: number, pc: number, place: number, floor: number, end: number) => {
    if (top === stack.length) {
      const longer = new Int32Array(stack.length * 2);
      longer.set(stack);
      stack = longer;
    }
    stack[top] = pc * 8 + what;
    stack[top + 1] = place;
    stack[top + 2] = floor;
    stack[top + 3] = end;
    top += FRAME;
  };

  /** Where the program that begins with instruction `pc` ends if it begins at `from`; -1 if it doesn't match. */
  const run = (start: number, from: number): number => {
    const base = top;
    at = from;
    for (let pc = start; pc !== FAILED; ) {
      if (++steps > most) giveUp(size);
      pc = advance(pc);
      if (pc === MATCHED) {
        top = base;
        return at;
      }
      if (pc === FAILED) pc = retreat(base);
    }
    return -1;
  };

  const advance = (pc: number): number => {
    switch (op[pc]) {
      case Op.match:
        return MATCHED;
      case Op.set:
        return backward[pc] ? takeBefore(pc) : takeOne(pc);
      case Op.run:
        return takeRun(pc);
      case Op.count:
        return takeCount(pc);
      case Op.split:
        if (hasFailed(pc)) return FAILED;
        push(RESUME, b[pc]!, at, 0, 0);
        return a[pc]!;
      case Op.jump:
        return a[pc]!;
      case Op.choice:
        return choose(pc);
      case Op.atomic:
        return run(pc + 1, at) < 0 ? FAILED : a[pc]!;
      case Op.look:
        return look(pc);
      case Op.place:
        return places(a[pc]!, text, at) ? pc + 1 : FAILED;
      case Op.enter:
        push(RESTORE, a[pc]!, slots[a[pc]!]!, 0, 0);
        slots[a[pc]!] = at;
        return pc + 1;
      default:
        return slots[a[pc]!] === at ? b[pc]! : pc + 1; // Op.leave
    }
  };

  const takeOne = (pc: number): number => {
    if (at >= size) return FAILED;
    let found = ofUnit[text.charCodeAt(at)]!;
    let width = 1;
    if (found === 0) {
      found = classes.classify(text, at);
      width = classes.width;
    }
    if (members[a[pc]!]![found] === 0) return FAILED;
    at += width;
    return pc + 1;
  };

  const takeBefore = (pc: number): number => {
    if (at === 0) return FAILED;
    const place = placeBefore(text, at);
    if (members[a[pc]!]![classAt(place)] === 0) return FAILED;
    at = place;
    return pc + 1;
  };

  const takeRun = (pc: number): number => {
    const which = c[pc]!;
    const from = at;
    const known = runFrom[which]! <= from && from < runTo[which]!;
    const end = known ? runTo[which]! : endOfRun(a[pc]!, from, runFrom[which]!, runTo[which]!);
    if (end === from) return b[pc]! > 0 ? FAILED : pc + 1;
    runFrom[which] = from;
    runTo[which] = end;
    const floor = b[pc]! > 0 ? from + widthAt(from) : from;
    const isDead = end === deadEnd[which];
    if ((isDead && floor >= deadFloor[which]!) || hasFailed(pc)) return FAILED;
    at = isDead ? placeBefore(text, deadFloor[which]!) : end;
    if (end > floor) push(GIVE_BACK, pc, at, floor, end);
    return pc + 1;
  };

  /** A run that ends at another one's begin ends where that one does. */
  const endOfRun = (set: number, from: number, nextFrom: number, nextTo: number): number => {
    let member = members[set]!;
    let to = from;
    while (to < size) {
      if (to === nextFrom) return nextTo;
      const found = ofUnit[text.charCodeAt(to)]!;
      if (found !== 0) {
        if (member[found] === 0) break;
        to++;
      } else {
        const unseen = classes.classify(text, to);
        member = members[set]!;
        if (member[unseen] === 0) break;
        to += classes.width;
      }
    }
    steps += (to - from) >> 3; // a character of a run takes less than an instruction
    return to;
  };

  const widthAt = (place: number) => (isPair(text, place) ? 2 : 1);

  const takeCount = (pc: number): number => {
    if (hasFailed(pc)) return FAILED;
    const [set, min, max] = [a[pc]!, b[pc]!, c[pc]!];
    let count = 0;
    let to = at;
    let floor = at;
    while (to < size && count !== max) {
      const found = classAt(to);
      if (members[set]![found] === 0) break;
      to += widthAt(to);
      if (++count === min) floor = to;
    }
    steps += count >> 3;
    if (count < min) return FAILED;
    if (to > floor) push(GIVE_BACK, pc, to, floor, -1);
    at = to;
    return pc + 1;
  };

  const choose = (pc: number): number => {
    const choice = a[pc]!;
    const found = backward[pc] ? (at > 0 ? classAt(placeBefore(text, at)) : 0) : classAt(at);
    const row = rows[choice]![found] ?? findOptions(choice, found);
    if (row.length === 0 || hasFailed(pc)) return FAILED;
    if (row.length > 1) push(NEXT_OPTION, pc, at, 1, found);
    return row[0]!;
  };

  const findOptions = (choice: number, found: number): Int32Array => {
    const options = choices[choice]!.filter(({ first }) => first === undefined || isIn(first, found));
    const row = Int32Array.from(options, ({ pc }) => pc);
    rows[choice]![found] = row;
    return row;
  };

  const isIn = (sets: readonly number[], found: number) =>
    found > 0 && sets.some((set) => members[set]![found] === 1);

  const look = (pc: number): number => {
    const place = at;
    const matched = run(pc + 1, place) >= 0;
    at = place;
    return matched === (b[pc] === 1) ? FAILED : a[pc]!;
  };

  /** Whether the choice point has failed here before. If not, it will be noted when it does, once a search is long. */
  const hasFailed = (pc: number): boolean => {
    if (steps < easy || retry[pc]! < 0) return false;
    failures ??= createFailures();
    if (failures.has(retry[pc]!, at)) return true;
    push(NOTE_FAILURE, retry[pc]!, at, 0, 0);
    return false;
  };

  /** The instruction to go on with at the last frame that leaves another way; FAILED if none above `base` does. */
  const retreat = (base: number): number => {
    while (top > base) {
      top -= FRAME;
      const pc = stack[top]! >> 3;
      at = stack[top + 1]!;
      switch (stack[top]! & 7) {
        case RESUME:
          return pc;
        case GIVE_BACK:
          if (giveBack(pc)) return pc + 1;
          break;
        case NEXT_OPTION:
          return nextOption(pc);
        case NOTE_FAILURE:
          failures!.add(pc, at);
          break;
        case RESTORE:
          slots[pc] = at;
      }
    }
    return FAILED;
  };

  const giveBack = (pc: number): boolean => {
    const [floor, end] = [stack[top + 2]!, stack[top + 3]!];
    if (at === floor) {
      if (end >= 0 && op[pc] === Op.run && retry[pc]! >= 0)
        [deadFloor[c[pc]!], deadEnd[c[pc]!]] = [floor, end];
      return false;
    }
    at = placeBefore(text, at);
    stack[top + 1] = at;
    top += FRAME;
    if (++steps > most) giveUp(size);
    return true;
  };

  const nextOption = (pc: number): number => {
    const next = stack[top + 2]!;
    const row = rows[a[pc]!]![stack[top + 3]!]!;
    if (next + 1 < row.length) {
      stack[top + 2] = next + 1;
      top += FRAME;
    }
    return row[next]!;
  };

  const canBegin = (place: number): boolean => {
    const found = classAt(place);
    begins[found] ??= isIn(first!, found);
    return begins[found]!;
  };

  const search: Search = {
    end: -1,
    steps: () => steps,
    begin(next, limit) {
      text = next;
      size = text.length;
      steps = 0;
      easy = EASY_STEPS + EASY_STEPS_PER_UNIT * size;
      most = limit;
      failures = undefined;
      for (const column of [runFrom, runTo, deadFloor, deadEnd]) column.fill(-1);
    },
    find(from) {
      for (let place = from; place <= size; place += widthAt(place)) {
        if (first && !canBegin(place)) continue;
        top = 0;
        search.end = run(0, place);
        if (search.end >= 0) return place;
      }
      return -1;
    },
  };
  return search;
}
