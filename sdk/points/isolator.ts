import { extensionPoint } from '../contract/tokens.js';
import type { ContainerResources, ContainerSpec } from './containerizer.js';

/** Something that one container alone sees at `target`, an absolute path that is there already. All paths are those of the machine. */
export type IsolatorMount =
  | {
      readonly type: 'bind';
      /** A directory or file of the machine, absolute. */
      readonly source: string;
      readonly target: string;
      readonly readOnly?: boolean;
    }
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      /** Counted as memory of the container. */
      readonly sizeMib: number;
      /** Default 0o755. */
      readonly mode?: number;
    };

/** What a container gets for an isolator. */
export interface Isolation {
  /** Further variables. Those of the task go before, and those of isolators that are asked earlier. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Made in this order, after those of isolators that are asked earlier; gone with the container. Where one lies above the sandbox, that stays where it
   * is. They need an agent that runs as root.
   */
  readonly mounts?: readonly IsolatorMount[];
  /** Run one after the other as the agent's user, where the container's first process is about to begin: its namespaces, cgroups and mounts. */
  readonly commands?: readonly (readonly string[])[];
  /** Plain JSON of at most 16,384 characters, which `recover` is told again. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A container that an earlier life has prepared, and that runs or has ended a moment ago. */
export interface IsolatedContainer {
  readonly containerId: string;
  readonly sandbox: string;
  /** Its first process, as the machine sees it. */
  readonly pid: number;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Why a container has to end, in terms of `ContainerExit`. */
export interface ContainerLimitation {
  /** `other`: a bound of the isolator's own. */
  readonly limitation: 'oom' | 'disk' | 'other';
  /** For people: '/tmp holds 70 MiB, 64 MiB are allowed'. */
  readonly message: string;
}

/**
 * Adds a bound or a view of its own to containers. Containerizers ask all isolators, in the order of their activation, for each
 * outermost container; those in it share what it has. For one container the calls come in the order of this list, and `cleanup` comes once `prepare` was
 * called, whatever became of that. Each call but `watch` has a deadline, which also counts as a failure. Containers outlive the process that hosts the isolator.
 */
export interface Isolator {
  /** kebab-case, the same in each version: checkpoints have it. */
  readonly name: string;
  /**
   * Called once before anything else, by each life: what is kept for containers of `owner` that are not told is to be removed, and those that are go
   * on as they were.
   */
  recover(owner: string, containers: readonly IsolatedContainer[]): void | Promise<void>;
  /** Undefined: this container is none of its business, no further call is about it. A rejection fails the launch. */
  prepare(spec: ContainerSpec): Isolation | undefined | Promise<Isolation | undefined>;
  /** Its first process is there, and waits until this resolves before anything of the task runs. A rejection fails the launch. */
  isolate?(containerId: string, pid: number): void | Promise<void>;
  /** Resolves when the container has to end, which it then does at once. Called again after `recover`. */
  watch?(containerId: string): Promise<ContainerLimitation>;
  /** It has other amounts from now on. A rejection is logged. */
  update?(containerId: string, resources: ContainerResources): void | Promise<void>;
  /** No process of it is left. Idempotent, and good for what is not known. A rejection is logged. */
  cleanup(containerId: string): void | Promise<void>;
}

export const ISOLATOR = extensionPoint<Isolator>('isolator.v1');
