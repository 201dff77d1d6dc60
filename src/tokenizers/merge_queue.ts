/** A pair of neighbouring token ids and how often it occurs. */
export interface PairCount {
  left: number;
  right: number;
  count: number;
}

/** Binary heap of pairs: the most frequent comes out first, among equals the one with the lower ids. */
export class MergeQueue {
  private readonly heap: PairCount[] = [];

  push(pair: PairCount): void {
    const heap = this.heap;
    let at = heap.push(pair) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!precedes(pair, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = pair;
  }

  pop(): PairCount | undefined {
    const heap = this.heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length > 0) this.sink(last!);
    return top;
  }

  private sink(pair: PairCount): void {
    const heap = this.heap;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && precedes(heap[child + 1]!, heap[child]!)) child++;
      if (!precedes(heap[child]!, pair)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = pair;
  }
}

function precedes(a: PairCount, b: PairCount): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.left !== b.left ? a.left < b.left : a.right < b.right;
}
