/** A running mean that forgets: bias-corrected as Adam's (Kingma & Ba 2014), so that it starts at the first value. */
export function smoother(memory = 0.9): (value: number) => number {
  let sum = 0;
  let weight = 0;
  return (value) => {
    sum = memory * sum + (1 - memory) * value;
    weight = memory * weight + (1 - memory);
    return sum / weight;
  };
}
