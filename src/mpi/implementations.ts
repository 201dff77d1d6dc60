/** What OpenMPI and MPICH have differently: the names of the library, and what stands for a communicator and a type. */
export interface Implementation {
  name: "OpenMPI" | "MPICH";
  /** Names that the system's loader knows, the likeliest first. */
  libraries: readonly string[];
  /** C type of a communicator and of a data type. */
  handle: "void *" | "int";
  /** Variables of the library, or constants of its ABI. */
  world: string | number;
  byte: string | number;
}

/** The ABI of MPICH is that of Intel MPI, MVAPICH and Cray MPICH, too. Source: mpi.h of both. */
export const IMPLEMENTATIONS: readonly Implementation[] = [
  {
    name: "OpenMPI",
    libraries: ["libmpi.so.40", "libmpi.40.dylib", "libmpi.dylib"],
    handle: "void *",
    world: "ompi_mpi_comm_world",
    byte: "ompi_mpi_byte",
  },
  {
    name: "MPICH",
    libraries: ["libmpich.so.12", "libmpi.so.12", "libmpi_cray.so.12", "libmpi.12.dylib", "libpmpi.12.dylib"],
    handle: "int",
    world: 0x44000000,
    byte: 0x4c00010d,
  },
];

/** What a launcher says to the processes that it starts. */
export interface Launched {
  /** Which of them this is, counted from 0. */
  rank: number;
  /** How many there are, where the launcher says so. */
  size?: number;
  /** How many of them are on this machine, where the launcher says so. */
  localSize?: number;
  /** Whose launcher it was, where that is known: `srun` starts either. */
  by?: Implementation["name"];
  /** The open file on which Hydra, MPICH's launcher, takes orders. */
  hydra?: number;
}

/** Nothing where this process was started by itself. */
export function launchedBy(env: NodeJS.ProcessEnv): Launched | undefined {
  const [open, pmi, pmix] = LAUNCH_VARIABLES.map((name) => number(env[name]));
  if (open !== undefined)
    return {
      by: "OpenMPI",
      rank: open,
      size: number(env.OMPI_COMM_WORLD_SIZE),
      localSize: number(env.OMPI_COMM_WORLD_LOCAL_SIZE),
    };
  if (pmi !== undefined && number(env.PMI_SIZE) !== undefined) {
    const localSize = number(env.MPI_LOCALNRANKS); // Hydra's: with Slurm's PMI orders are written otherwise
    const hydra = localSize === undefined ? undefined : number(env.PMI_FD);
    return { by: "MPICH", rank: pmi, size: number(env.PMI_SIZE), localSize, hydra };
  }
  if (pmix !== undefined) return { rank: pmix, size: number(env.SLURM_NTASKS) };
  return undefined;
}

const LAUNCH_VARIABLES = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"] as const;

/** Makes this process, and those that it starts, one that was started by itself. */
export function leaveLaunched(env: NodeJS.ProcessEnv): void {
  for (const name of LAUNCH_VARIABLES) delete env[name];
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
