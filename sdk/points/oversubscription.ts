import type { Resource } from '../api/messages.js';
import { extensionPoint } from '../contract/tokens.js';
import type { ContainerStatistics } from './containerizer.js';

/** What one executor of an agent was given, and what it uses. A task without an executor has one of its own id. */
export interface ExecutorUsage {
  readonly frameworkId: string;
  readonly executorId: string;
  /** Of this life of it. */
  readonly containerId: string;
  /** Revocable ones have `revocable: {}`. */
  readonly allocated: readonly Resource[];
  /** Absent when nothing is known: it has just begun, or ends. */
  readonly statistics?: ContainerStatistics;
}

export interface ResourceUsage {
  readonly executors: readonly ExecutorUsage[];
  /** What the agent offers, without what is oversubscribed. */
  readonly total: readonly Resource[];
}

/**
 * Tells how much an agent can offer on top of what it has, to frameworks that know that it may be taken away (REVOCABLE_RESOURCES).
 * Chosen by name in `--resource_estimator` of an agent.
 */
export interface ResourceEstimator {
  /** As in the flag. */
  readonly name: string;
  /**
   * Asked each `--oversubscribed_resources_interval`. Answers unreserved scalars that may be used beyond the revocable ones that are in use; the kernel
   * makes them revocable. A rejection, or no answer within the interval, changes nothing.
   */
  oversubscribable(usage: ResourceUsage): readonly Resource[] | Promise<readonly Resource[]>;
}

/** An executor to be ended at once, with all its tasks: TASK_GONE, REASON_CONTAINER_PREEMPTED. */
export interface Correction {
  readonly frameworkId: string;
  readonly executorId: string;
  /** Only this life of it: an answer that comes late ends no other. Default: whichever there is. */
  readonly containerId?: string;
}

/** Ends those who use revocable resources where others suffer. Chosen by name in `--qos_controller` of an agent. */
export interface QosController {
  /** As in the flag. */
  readonly name: string;
  /** Asked each second, or `--qos_correction_interval_min` if that is longer. Executors without revocable resources are left alone whatever it says. */
  corrections(usage: ResourceUsage): readonly Correction[] | Promise<readonly Correction[]>;
}

export const RESOURCE_ESTIMATOR = extensionPoint<ResourceEstimator>('resource-estimator.v1');
export const QOS_CONTROLLER = extensionPoint<QosController>('qos-controller.v1');
