const [N, M] = [624, 397];

/**
 * MT19937 (Matsumoto & Nishimura 1998), seeded as `torch.Generator().manual_seed(seed)` is: words of 32 bits, one after the
 * other. Only for what other tools drew in order: attune's own random numbers are addressed.
 */
export function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(N);
  state[0] = seed;
  for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, state[i - 1]! ^ (state[i - 1]! >>> 30)) + i;
  let at = N;
  return () => {
    if (at === N) {
      twist(state);
      at = 0;
    }
    return temper(state[at++]!);
  };
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < N; i++) {
    const y = (state[i]! & 0x80000000) | (state[(i + 1) % N]! & 0x7fffffff);
    state[i] = state[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
  }
}

function temper(y: number): number {
  y ^= y >>> 11;
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return (y ^ (y >>> 18)) >>> 0;
}
