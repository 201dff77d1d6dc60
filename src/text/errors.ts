/** What is wrong, in parts that a program can use. A person reads the text that is made from them. */
export interface Fault {
  /** Stable name of the kind of fault: the room and the cause, such as "training.unknown-key". */
  code: string;
  /** The file, row, key or tensor at fault. */
  place?: string;
  /** What is wrong, where `expected` and `got` are not enough. */
  problem?: string;
  expected?: string;
  got?: string;
  /** What the user can do about it. A sentence without its full stop. */
  wayOut?: string;
}

/** Several faults of one kind are reported at once. */
export interface Faults extends Fault {
  faults?: readonly Fault[];
}

/** An error the user can act on. Its text says where, what was expected, what was found, and the way out. */
export class AttuneError extends Error implements Faults {
  override name = "AttuneError";
  readonly code: string;
  readonly place?: string;
  readonly problem?: string;
  readonly expected?: string;
  readonly got?: string;
  readonly wayOut?: string;
  readonly faults: readonly Fault[];

  constructor({ faults = [], ...own }: Faults, options?: ErrorOptions) {
    super(describeFaults(own, faults), options);
    this.code = own.code;
    this.faults = faults;
    Object.assign(this, own);
  }
}

/** One problem is the fault itself; several are listed below it. */
export function withProblems(fault: Fault, problems: readonly string[]): Faults {
  if (problems.length === 1) return { ...fault, problem: problems[0] };
  return { ...fault, faults: problems.map((problem) => ({ code: fault.code, problem })) };
}

/** The same fault at a place within `outer`: "data.jsonl row 3" around "messages". */
export function withPlace(error: AttuneError, outer: string): AttuneError {
  const { faults = [], ...own } = partsOf(error);
  const place = [outer, own.place].filter(Boolean).join(": ");
  const isInside = ({ place }: Fault) => own.place !== undefined && place?.startsWith(`${own.place}: `);
  const moved = faults.map((fault) =>
    isInside(fault) ? { ...fault, place: `${outer}: ${fault.place}` } : fault,
  );
  return new AttuneError({ ...own, place, faults: moved }, { cause: error.cause });
}

/** What the error was made of. Unlike an error, it keeps its parts when it is sent to another thread. */
export function partsOf({ code, place, problem, expected, got, wayOut, faults }: AttuneError): Faults {
  return { code, place, problem, expected, got, wayOut, faults };
}

const PART = 300; // UTF-16 units of one part: files may hold anything, and a message is read by a person
const SHOWN = 10; // faults of a list
const LISTED = 650; // their characters; the first fault is always shown

function describeFaults(own: Fault, faults: readonly Fault[]): string {
  const lines = faults.slice(0, SHOWN).map((fault) => `  ${describeFault(inside(own, fault))}`);
  while (lines.length > 1 && lines.join("\n").length > LISTED) lines.pop();
  if (faults.length > lines.length) lines.push(`  and ${faults.length - lines.length} more`);
  return [describeFault(own), ...lines].join("\n");
}

/** A fault's place without what the first line says already. */
function inside({ place: outer }: Fault, fault: Fault): Fault {
  const isInside = outer !== undefined && fault.place?.startsWith(`${outer}: `);
  return isInside ? { ...fault, place: fault.place!.slice(outer.length + 2) } : fault;
}

/** "place: problem; expected E, got G. Way out." */
export function describeFault({ place, problem, expected, got, wayOut }: Fault): string {
  const wanted = [expected && `expected ${clip(expected)}`, got && `got ${clip(got)}`];
  const wrong = [problem && clip(problem), wanted.filter(Boolean).join(", ")].filter(Boolean).join("; ");
  const sentence = [place && clip(place), wrong].filter(Boolean).join(": ");
  return wayOut ? `${ended(sentence)} ${ended(clip(wayOut))}` : sentence;
}

const ended = (sentence: string) => (/[.?!]$/.test(sentence) ? sentence : `${sentence}.`);

/** As much of a part as a message has room for. */
export const clip = (text: string) => (text.length > PART ? `${text.slice(0, PART - 2)} …` : text);
