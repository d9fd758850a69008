import { extensionPoint } from '../contract/tokens.js';
import type { Principal } from './authenticator.js';

/**
 * What may be allowed or denied, by the names that Mesos' ACLs have, with what an action is done to: a role, a user of the machine, the
 * principal of another (of a framework, or of who reserved resources or created a volume), a path, or a whole that has no name.
 */
export const ACTIONS = {
  register_frameworks: 'roles',
  run_tasks: 'users',
  teardown_frameworks: 'framework_principals',
  reserve_resources: 'roles',
  unreserve_resources: 'reserver_principals',
  create_volumes: 'roles',
  destroy_volumes: 'creator_principals',
  resize_volumes: 'roles',
  create_block_disks: 'roles',
  destroy_block_disks: 'roles',
  create_mount_disks: 'roles',
  destroy_mount_disks: 'roles',
  destroy_raw_disks: 'roles',
  get_quotas: 'roles',
  update_quotas: 'roles',
  view_roles: 'roles',
  update_weights: 'roles',
  get_endpoints: 'paths',
  view_frameworks: 'users',
  view_tasks: 'users',
  view_executors: 'users',
  view_containers: 'users',
  view_flags: 'flags',
  access_sandboxes: 'users',
  access_mesos_logs: 'logs',
  set_log_level: 'level',
  register_agents: 'agents',
  drain_agents: 'agents',
  deactivate_agents: 'agents',
  reactivate_agents: 'agents',
  mark_agents_gone: 'agents',
  update_maintenance_schedules: 'machines',
  get_maintenance_schedules: 'machines',
  start_maintenances: 'machines',
  stop_maintenances: 'machines',
  get_maintenance_statuses: 'machines',
  launch_nested_containers_as_user: 'users',
  launch_nested_containers_under_parent_with_user: 'users',
  launch_nested_container_sessions_as_user: 'users',
  launch_nested_container_sessions_under_parent_with_user: 'users',
  attach_containers_input: 'users',
  attach_containers_output: 'users',
  kill_nested_containers: 'users',
  wait_nested_containers: 'users',
  remove_nested_containers: 'users',
  launch_standalone_containers: 'users',
  kill_standalone_containers: 'users',
  wait_standalone_containers: 'users',
  remove_standalone_containers: 'users',
  view_standalone_containers: 'users',
  modify_resource_provider_configs: 'resource_providers',
  mark_resource_providers_gone: 'resource_providers',
  view_resource_providers: 'resource_providers',
  prune_images: 'images',
} as const;

export type Action = keyof typeof ACTIONS;

/** May it be done to that object? Undefined: to any, or the action knows no objects. */
export type Approver = (object?: string) => boolean;

/**
 * Decides what a principal may do. Chosen by name in `--authorizers`. It is asked amid the steps of the master's machine: it answers at
 * once, from memory, the same each time, and never throws.
 */
export interface Authorizer {
  /** As in the flag: 'local'. */
  readonly name: string;
  /** `principal` undefined: nobody was asked who it is. The approver may be kept, and asked about any number of objects. */
  approver(principal: Principal | undefined, action: Action): Approver;
}

export const AUTHORIZER = extensionPoint<Authorizer>('authorizer.v1');
