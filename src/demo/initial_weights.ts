import { randomNormals } from "../data/random.ts";

/** The fields of `config.json` that the weights' shapes depend on, as the file spells them. */
export interface InitialWeightsConfig {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  rope_theta: number;
}

export type Weights = Map<string, { shape: [number] | [number, number]; data: Float32Array }>;

interface Matrix {
  rows: number;
  columns: number;
  data: Float32Array; // [rows, columns]
}

const STD = 0.06; // of embeddings and free matrices
const CONSTANT = 4; // hidden channel 0 of every token, in standard deviations: what position alone can be read from
const SMALL = 0.1; // free output matrices start small, so that what the arranged heads write can be read
const SLOW = 0.02; // radians a token: slower rotary pairs hardly see distance, so they can compare content

/**
 * Weights to start a small Llama from that is to learn from few tokens. As in mimetic initialization (Trockman and
 * Kolter 2023, https://arxiv.org/abs/2305.09828) nothing is learned yet, but attention starts out doing something:
 *
 * - In the first layer, heads 0 and 1 look one and two tokens back and write down what they see.
 * - In the second, heads 0 to 2 look for places whose previous token is the current one and propose what stands there:
 *   induction heads (Olsson et al. 2022, https://arxiv.org/abs/2209.11895), which take most of a small model's
 *   pretraining to form from noise.
 * - All further heads look at tokens like the current one.
 * - The embeddings of one word with and without a leading space, in small and capital letters, start alike.
 *
 * Embeddings are tied, heads aren't grouped, matrices are [out, in].
 * @param tokens the vocabulary in the order of its ids, in byte-level BPE's spelling
 */
export function initialWeights(
  config: InitialWeightsConfig,
  tokens: readonly string[],
  seed: number,
): Weights {
  const { hidden_size: D, intermediate_size: F, num_hidden_layers } = config;
  const weights: Weights = new Map();
  const normal = (rows: number, columns: number, std: number, purpose: string) =>
    scale(matrix(rows, columns, randomNormals(rows * columns, seed, purpose, 0)), std);
  const put = (name: string, { rows, columns, data }: Matrix) =>
    weights.set(name, { shape: [rows, columns], data });
  const putNorm = (name: string) => weights.set(name, { shape: [D], data: new Float32Array(D).fill(1) });

  put("model.embed_tokens.weight", embeddings(tokens, D, normal));
  const lookBack: Heads = attentionHeads(config, normal, 0);
  for (let layer = 0; layer < num_hidden_layers; layer++) {
    const at = `model.layers.${layer}`;
    const heads = layer === 0 ? lookBack : attentionHeads(config, normal, layer, lookBack);
    for (const name of ["q", "k", "v", "o"] as const) put(`${at}.self_attn.${name}_proj.weight`, heads[name]);
    put(`${at}.mlp.gate_proj.weight`, normal(F, D, STD, `${at} gate`));
    put(`${at}.mlp.up_proj.weight`, normal(F, D, STD, `${at} up`));
    put(`${at}.mlp.down_proj.weight`, normal(D, F, STD * SMALL, `${at} down`));
    putNorm(`${at}.input_layernorm.weight`);
    putNorm(`${at}.post_attention_layernorm.weight`);
  }
  putNorm("model.norm.weight");
  return weights;
}

type Normal = (rows: number, columns: number, std: number, purpose: string) => Matrix;
type Heads = Record<"q" | "k" | "v" | "o", Matrix>;

/** [V, D]: a word's forms share most of their vector; the rest tells form and word apart. */
function embeddings(tokens: readonly string[], D: number, normal: Normal): Matrix {
  const own = normal(tokens.length, D, 1, "embeddings");
  const forms = normal(3, D, 1, "forms");
  const shared = new Map<string, Float32Array>();
  tokens.forEach((token, id) => {
    const [, space, word] = /^(Ġ?)([A-Za-z]+)$/.exec(token) ?? [];
    if (word === undefined) return;
    const key = word.toLowerCase();
    if (!shared.has(key)) shared.set(key, normal(1, D, 1, `word ${key}`).data);
    const row = own.data.subarray(id * D, id * D + D);
    mix(row, 0.3, shared.get(key)!, 0.8);
    if (space) mix(row, 1, rowOf(forms, 0), 0.5);
    if (word.length > 1 && word === word.toUpperCase()) mix(row, 1, rowOf(forms, 1), 0.7);
    else if (/^[A-Z]/.test(word)) mix(row, 1, rowOf(forms, 2), 0.5);
  });
  for (let id = 0; id < tokens.length; id++) own.data[id * D] = CONSTANT;
  return scale(own, STD);
}

/** The attention matrices of one layer; `lookBack` is the first layer's, for those that read what it writes. */
function attentionHeads(
  config: InitialWeightsConfig,
  normal: Normal,
  layer: number,
  lookBack?: Heads,
): Heads {
  const { hidden_size: D, num_attention_heads } = config;
  const E = D / num_attention_heads;
  const free = (name: string, std: number) => normal(D, D, std, `layer ${layer} ${name}`);
  const heads = { q: free("q", STD), k: free("k", STD), v: free("v", STD), o: free("o", STD * SMALL) };
  for (let head = 0; head < num_attention_heads; head++) {
    const noise: Noise = (rows, columns, std, name) =>
      normal(rows, columns, std, `layer ${layer} head ${head} ${name}`);
    const slow = slowRows(config, E);
    if (!lookBack) {
      if (head < 2) placeHead(heads, head, lookBackHead(config, E, head + 1, noise));
    } else if (layer === 1 && head < 3)
      placeHead(heads, head, inductionHead(lookBack, E, D, head, slow, noise));
    else placeHead(heads, head, likenessHead(E, D, slow, noise));
  }
  return heads;
}

type Noise = Normal;

/**
 * Looks `distance` tokens back: with query and key made of the constant channel only, rotary attention scores are a
 * sum of cosines of the distance, shifted here to their peak.
 */
function lookBackHead(
  { rope_theta, hidden_size: D }: InitialWeightsConfig,
  E: number,
  distance: number,
  noise: Noise,
): Heads {
  const FAST_PAIRS = 3;
  const length = Math.sqrt(40) / CONSTANT; // the score at the peak is 40 times the pairs / sqrt(E)
  const [q, k] = [zeros(E, D), zeros(E, D)];
  for (let pair = 0; pair < FAST_PAIRS; pair++) {
    const angle = rope_theta ** ((-2 * pair) / E) * distance;
    k.data[pair * D] = length;
    q.data[pair * D] = length * Math.cos(angle);
    q.data[(pair + E / 2) * D] = -length * Math.sin(angle);
  }
  const v = withoutConstant(noise(E, D, 1 / Math.sqrt(D), "v"));
  return { q, k, v, o: withoutConstantOut(noise(D, E, STD / Math.sqrt(E), "o")) };
}

/** Attends where the token that look-back head 0 wrote down is like the current one, and proposes what stands there. */
function inductionHead(
  lookBack: Heads,
  E: number,
  D: number,
  head: number,
  slow: boolean[],
  noise: Noise,
): Heads {
  const turn = head === 0 ? identity(E) : noise(E, E, 1 / Math.sqrt(E), "turn");
  const current = rowsOf(lookBack.v, 0, E); // [E, D]
  const written = transpose(columnsOf(lookBack.o, 0, E)); // [E, D], of scale STD
  const q = scale(keepRows(product(turn, current), slow), Math.sqrt(6));
  const k = scale(keepRows(product(turn, written), slow), (Math.sqrt(6) * E) / D / STD);
  const v = withoutConstant(noise(E, D, 1 / Math.sqrt(D), "v"));
  return { q, k, v, o: scale(transpose(v), 2 * STD) };
}

/** Attends to tokens like the current one. */
function likenessHead(E: number, D: number, slow: boolean[], noise: Noise): Heads {
  const q = withoutConstant(scale(keepRows(noise(E, D, 1 / Math.sqrt(D), "q"), slow), Math.sqrt(6)));
  const v = withoutConstant(noise(E, D, 1 / Math.sqrt(D), "v"));
  return { q, k: q, v, o: scale(transpose(v), 0.4 * STD) };
}

/** Which of a head's rows belong to slow rotary pairs; pair i is rows i and i + E / 2. */
function slowRows({ rope_theta }: InitialWeightsConfig, E: number): boolean[] {
  return Array.from({ length: E }, (_, row) => rope_theta ** ((-2 * (row % (E / 2))) / E) < SLOW);
}

function placeHead(heads: Heads, head: number, { q, k, v, o }: Heads): void {
  const E = q.rows;
  const D = q.columns;
  heads.q.data.set(q.data, head * E * D);
  heads.k.data.set(k.data, head * E * D);
  heads.v.data.set(v.data, head * E * D);
  for (let row = 0; row < D; row++) heads.o.data.set(rowOf(o, row), row * heads.o.columns + head * E);
}

const matrix = (rows: number, columns: number, data: Float32Array): Matrix => ({ rows, columns, data });
const zeros = (rows: number, columns: number) => matrix(rows, columns, new Float32Array(rows * columns));
const rowOf = ({ columns, data }: Matrix, row: number) => data.subarray(row * columns, (row + 1) * columns);
const scale = ({ rows, columns, data }: Matrix, by: number) =>
  matrix(
    rows,
    columns,
    data.map((x) => x * by),
  );

function build(rows: number, columns: number, value: (row: number, column: number) => number): Matrix {
  const out = zeros(rows, columns);
  for (let i = 0; i < out.data.length; i++) out.data[i] = value(Math.floor(i / columns), i % columns);
  return out;
}

const at = ({ columns, data }: Matrix, row: number, column: number) => data[row * columns + column]!;
const identity = (size: number) => build(size, size, (row, column) => (row === column ? 1 : 0));
const transpose = (a: Matrix) => build(a.columns, a.rows, (row, column) => at(a, column, row));
const rowsOf = (a: Matrix, from: number, to: number) =>
  build(to - from, a.columns, (row, column) => at(a, from + row, column));
const columnsOf = (a: Matrix, from: number, to: number) =>
  build(a.rows, to - from, (row, column) => at(a, row, from + column));
const keepRows = (a: Matrix, keep: boolean[]) =>
  build(a.rows, a.columns, (row, column) => (keep[row] ? at(a, row, column) : 0));
const withoutConstant = (a: Matrix) =>
  build(a.rows, a.columns, (row, column) => (column === 0 ? 0 : at(a, row, column)));
const withoutConstantOut = (a: Matrix) =>
  build(a.rows, a.columns, (row, column) => (row === 0 ? 0 : at(a, row, column)));

function product(a: Matrix, b: Matrix): Matrix {
  return build(a.rows, b.columns, (row, column) => {
    let sum = 0;
    for (let i = 0; i < a.columns; i++) sum += at(a, row, i) * at(b, i, column);
    return sum;
  });
}

function mix(into: Float32Array, keep: number, other: Float32Array, add: number): void {
  for (let i = 0; i < into.length; i++) into[i] = into[i]! * keep + other[i]! * add;
}
