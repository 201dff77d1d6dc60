import { transposed } from "../../math/transposed.ts";
import type { ExpertsSite } from "../../models/layout.ts";
import type { AddProduct, Change, Product } from "../kinds/kind.ts";

/** The terms of a parameter's experts: see experts_term.ts. */
type Terms = Product & { count: number };

/** What becomes of the tensors that hold a parameter of experts, by their names: each matrix W plus scale · B·A of its expert. */
export function mergedExperts(site: ExpertsSite, terms: Terms, scale: number): [string, Change][] {
  const width = site.out / site.parts.length;
  return site.parts.flatMap((names, part) => {
    const ofExpert = (i: number) => termOf(terms, i, { from: part * width, width });
    if (names.length === 1) return [[names[0]!, stackChange(site, ofExpert, scale)]];
    return names.map((name, i): [string, Change] => [
      name,
      (W, add) => sum(site, W, ofExpert(i), scale, add),
    ]);
  });
}

/** All experts' matrices in one tensor. */
const stackChange =
  (site: ExpertsSite, ofExpert: (i: number) => Product, scale: number): Change =>
  async (whole, add) => {
    const size = whole.length / site.count;
    for (let i = 0; i < site.count; i++) {
      const own = whole.slice(i * size, (i + 1) * size);
      whole.set(await sum(site, own, ofExpert(i), scale, add), i * size);
    }
    return whole;
  };

async function sum({ turned }: ExpertsSite, W: Float32Array, own: Product, scale: number, add: AddProduct) {
  return add(W, turned ? own : otherWay(own), scale);
}

/** (B·A)ᵀ = Aᵀ·Bᵀ. */
const otherWay = ({ A, B, r, in: inputs, out }: Product): Product => ({
  A: transposed(B, out, r),
  B: transposed(A, r, inputs),
  ...{ r, in: out, out: inputs },
});

/** The term of expert i, of its outputs those of one part. */
function termOf(
  { A, B, r, in: inputs, count }: Terms,
  i: number,
  { from, width }: { from: number; width: number },
): Product {
  const own = new Float32Array(width * r);
  for (let o = 0; o < width; o++)
    for (let j = 0; j < r; j++) own[o * r + j] = B[((from + o) * r + j) * count + i]!;
  return { A: A.slice(i * r * inputs, (i + 1) * r * inputs), B: own, r, in: inputs, out: width };
}
