import { hostname } from 'node:os';
import type { MasterInfo } from '@mezzo/sdk/api';
import { asId, type MasterId } from '@mezzo/sdk/contract';
import type { MasterOptions } from '../core/master/index.js';
import { isLoopback, packedIp } from '../http/listen.js';
import { HIERARCHICAL, type MasterFlags } from './master-flags.js';
import { MESOS_VERSION } from './version.js';

/** Who this master is, to others. */
export function masterInfo(flags: MasterFlags, masterId: MasterId, listenPort: number): MasterInfo {
  const ip = flags.advertise_ip ?? flags.ip;
  const port = flags.advertise_port || listenPort;
  const own = isLoopback(ip) ? 'localhost' : flags.hostname_lookup ? hostname() : ip;
  const name = flags.hostname ?? own;
  return {
    id: masterId,
    ip: packedIp(ip),
    port,
    pid: `master@${ip}:${port}`,
    hostname: name,
    version: MESOS_VERSION,
    address: { hostname: name, ip, port },
    capabilities: [{ type: 'AGENT_UPDATE' }, { type: 'AGENT_DRAINING' }, { type: 'QUOTA_V2' }],
    ...(flags.domain && { domain: flags.domain }),
  };
}

export const masterOptions = (flags: MasterFlags, info: MasterInfo): MasterOptions => ({
  masterId: asId<MasterId>(info.id),
  info,
  agentPingIntervalMs: flags.agent_ping_timeout,
  maxAgentPingTimeouts: flags.max_agent_ping_timeouts,
  agentReregisterTimeoutMs: flags.agent_reregister_timeout,
  agentRemovalIntervalMs: flags.agent_removal_rate_limit?.intervalMs ?? 0,
  recoveryAgentRemovalLimit: flags.recovery_agent_removal_limit,
  offerTimeoutMs: flags.offer_timeout,
  allocationIntervalMs: flags.allocation_interval,
  batchAllocation: flags.batch_allocation,
  minAllocatableResources: flags.min_allocatable_resources,
  roles: flags.roles,
  weights: flags.weights,
  allocatorAgentRecoveryFactor: flags.allocator_agent_recovery_factor,
  allocatorRecoveryTimeoutMs: flags.allocator_recovery_timeout,
  allocatorPolicy: flags.allocator === HIERARCHICAL ? undefined : flags.allocator,
  filterGpuResources: flags.filter_gpu_resources,
  nestedQuota: flags.nested_quota,
  placeRequests: flags.place_requests || flags.preemption,
  preemption: flags.preemption,
  fairSharingExcluded: flags.fair_sharing_excluded_resource_names,
  randomOrder: { roles: flags.role_sorter === 'random', frameworks: flags.framework_sorter === 'random' },
  registryMaxAgentAgeMs: flags.registry_max_agent_age,
  registryGcIntervalMs: flags.registry_gc_interval,
  registryMaxAgentCount: flags.registry_max_agent_count,
  requireAgentDomain: flags.require_agent_domain,
  publishFrameworkMetrics: flags.publish_per_framework_metrics,
  rootSubmissions: flags.root_submissions,
  maxCompletedFrameworks: flags.max_completed_frameworks,
  maxCompletedTasksPerFramework: flags.max_completed_tasks_per_framework,
  maxUnreachableTasksPerFramework: flags.max_unreachable_tasks_per_framework,
  maxOperatorSubscribers: flags.max_operator_event_stream_subscribers,
});
