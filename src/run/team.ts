import { hostname } from "node:os";
import { AttuneError } from "../text/errors.ts";
import { gatherTexts, type Ranks } from "../training/ranks.ts";

/** How the ranks of a run work together: the first one has the run's directory, and says what the others can't know. */
export interface Team {
  ranks: Ranks;
  /** Whether this process writes. */
  isLeader: boolean;
  /** What `read` gives at the leader, at all. */
  fromLeader<T>(read: () => T | Promise<T>): Promise<T>;
  /** Does `work` at one process of each machine, then at the others, which find its results in the cache. */
  oncePerMachine<T>(work: () => Promise<T>): Promise<T>;
  /** Whether it is so at any of them. */
  any(value: boolean): Promise<boolean>;
  /** @throws AttuneError at all of them when one has other facts than the leader: it names the rank and the fact. */
  requireSame(facts: Readonly<Record<string, unknown>>): Promise<void>;
}

export function teamOf(ranks: Ranks): Team {
  const isLeader = ranks.rank === 0;
  return {
    ranks,
    isLeader,
    async fromLeader(read) {
      if (ranks.size === 1) return read();
      const [first] = await gatherTexts(ranks, isLeader ? JSON.stringify({ value: await read() }) : "");
      return JSON.parse(first!).value;
    },
    async oncePerMachine(work) {
      if (ranks.size === 1) return work();
      const hosts = await gatherTexts(ranks, hostname());
      const isFirst = hosts.indexOf(hosts[ranks.rank]!) === ranks.rank;
      const early = isFirst ? await work() : undefined;
      await ranks.sum([new Float64Array(1)]); // waits for the first ones
      return early ?? work();
    },
    async any(value) {
      const flag = Float64Array.of(Number(value));
      await ranks.sum([flag]);
      return flag[0]! > 0;
    },
    async requireSame(facts) {
      const all = (await gatherTexts(ranks, JSON.stringify(facts))).map((text) => JSON.parse(text));
      const faults = all.flatMap((own, rank) => differences(all[0], own, rank));
      if (faults.length > 0)
        throw new AttuneError({
          code: "run.ranks-differ",
          problem: "the processes of this run were not given the same",
          faults,
          wayOut: "Put the same recipe, model, data and version of attune on every machine",
        });
    },
  };
}

function differences(first: Record<string, unknown>, own: Record<string, unknown>, rank: number) {
  const names = Object.keys({ ...first, ...own });
  return names
    .filter((name) => JSON.stringify(first[name]) !== JSON.stringify(own[name]))
    .map((name) => ({
      code: "run.ranks-differ",
      place: `rank ${rank}`,
      problem: `another ${name} than rank 0`,
    }));
}
