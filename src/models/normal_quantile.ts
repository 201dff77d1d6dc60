/** The x that a standard normal variable is below with probability p, 0 < p < 1: within 1e-12. */
export function normalQuantile(p: number): number {
  let [low, high] = [-WIDEST, WIDEST];
  while (high - low > 1e-13) {
    const middle = (low + high) / 2;
    if (below(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Beyond it, double precision knows probabilities of 0 and 1 alone. */
const WIDEST = 8;

/** Φ(x) = ½ + φ(x) · (x + x³/3 + x⁵/(3·5) + …) */
function below(x: number): number {
  let [sum, term] = [0, x];
  for (let odd = 3; Math.abs(term) > 1e-18; odd += 2) {
    sum += term;
    term *= (x * x) / odd;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
