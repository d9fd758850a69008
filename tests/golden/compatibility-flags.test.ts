import { describe, expect, test } from 'vitest';
import { agentFlags, idleAgentFlags, unsupportedAgentFlags } from '../../kernel/main/agent-flags.js';
import { loadFlags, type FlagTable } from '../../kernel/main/flags.js';
import { idleMasterFlags, masterFlags, unsupportedMasterFlags } from '../../kernel/main/master-flags.js';
import { codesOf, rowsOf } from './compatibility-page.js';

/** The page's rows of flags, held to the flags. */

/** What operators of Mesos write in their command lines and units. */
const OF_MESOS = {
  master: [
    ...['zk', 'quorum', 'work_dir', 'registry', 'cluster', 'log_auto_initialize', 'allocator', 'allocation_interval'],
    ...['role_sorter', 'framework_sorter', 'min_allocatable_resources', 'fair_sharing_excluded_resource_names'],
    ...['filter_gpu_resources', 'offer_timeout', 'roles', 'weights', 'agent_ping_timeout', 'max_agent_ping_timeouts'],
    ...['agent_reregister_timeout', 'agent_removal_rate_limit', 'recovery_agent_removal_limit', 'whitelist'],
    ...['allocator_agent_recovery_factor', 'allocator_recovery_timeout', 'authenticate_agents', 'credentials'],
    ...['authenticate_frameworks', 'authenticate_http_frameworks', 'authorizers', 'rate_limits', 'root_submissions'],
    ...['max_completed_frameworks', 'max_completed_tasks_per_framework', 'max_unreachable_tasks_per_framework'],
    ...['max_operator_event_stream_subscribers', 'registry_fetch_timeout', 'registry_store_timeout', 'webui_dir'],
    ...['registry_gc_interval', 'registry_max_agent_age', 'registry_max_agent_count', 'require_agent_domain'],
    ...['publish_per_framework_metrics', 'offer_constraints_re2_max_mem', 'offer_constraints_re2_max_program_size'],
  ],
  agent: [
    ...['master', 'work_dir', 'runtime_dir', 'resources', 'attributes', 'default_role', 'containerizers', 'isolation'],
    ...['launcher', 'image_providers', 'image_provisioner_backend', 'docker', 'docker_registry', 'docker_config'],
    ...['docker_store_dir', 'docker_remove_delay', 'docker_kill_orphans', 'docker_socket', 'docker_mesos_image'],
    ...['executor_registration_timeout', 'executor_reregistration_timeout', 'executor_shutdown_grace_period'],
    ...['executor_environment_variables', 'recover', 'recovery_timeout', 'strict', 'reconfiguration_policy'],
    ...['gc_delay', 'gc_disk_headroom', 'disk_watch_interval', 'fetcher_cache_size', 'fetcher_cache_dir'],
    ...['fetcher_stall_timeout', 'cgroups_enable_cfs', 'cgroups_limit_swap', 'cgroups_root', 'cgroups_hierarchy'],
    ...['cgroups_destroy_timeout', 'container_disk_watch_interval', 'enforce_container_disk_quota'],
    ...['network_cni_config_dir', 'network_cni_plugins_dir', 'switch_user', 'sandbox_directory', 'credential'],
    ...['registration_backoff_factor', 'http_credentials', 'authenticate_http_executors', 'jwt_secret_key'],
    ...['http_executor_domain_sockets', 'http_heartbeat_interval', 'max_completed_executors_per_framework'],
    ...['oversubscribed_resources_interval', 'resource_estimator', 'qos_controller', 'container_logger'],
    ...['systemd_enable_support', 'nvidia_gpu_devices', 'seccomp_config_dir', 'seccomp_profile_name', 'hadoop_home'],
    ...['launcher_dir'],
  ],
  both: [
    ...['ip', 'ip_discovery_command', 'port', 'advertise_ip', 'advertise_port', 'hostname', 'hostname_lookup'],
    ...['log_dir', 'logging_level', 'quiet', 'external_log_file', 'zk_session_timeout', 'modules', 'modules_dir'],
    ...['hooks', 'authenticate_http_readonly', 'authenticate_http_readwrite', 'http_authenticators'],
    ...['firewall_rules', 'domain', 'acls'],
  ],
};

const cases: [who: 'master' | 'agent', table: FlagTable, idle: FlagTable, unsupported: readonly string[]][] = [
  ['master', masterFlags, idleMasterFlags, unsupportedMasterFlags],
  ['agent', agentFlags, idleAgentFlags, unsupportedAgentFlags],
];

describe.each(cases)('flags of mezzo %s', (who, table, idle, unsupported) => {
  const rows = rowsOf(`Flags of \`mezzo ${who}\``).slice(1);
  const verdicts = new Map(rows.flatMap(([names, , verdict]) => codesOf(names!).map((name) => [name, verdict!])));

  test('each has one row, and no row is about what is not there', () => {
    const listed = rows.flatMap(([names]) => codesOf(names!));
    expect(listed.filter((name, at) => listed.indexOf(name) !== at)).toEqual([]);
    expect([...listed].sort()).toEqual([...Object.keys(table), ...unsupported].sort());
    expect([...OF_MESOS[who], ...OF_MESOS.both].filter((name) => !verdicts.has(name))).toEqual([]);
  });

  test('the verdict and the default are those of the flag', () => {
    for (const [names, fallback, verdict] of rows) {
      for (const name of codesOf(names!)) {
        expect([name, verdict === 'no effect']).toEqual([name, Object.hasOwn(idle, name)]);
        expect([name, verdict === 'not supported']).toEqual([name, unsupported.includes(name)]);
        expect([name, fallback!.replaceAll('\\|', '|')]).toEqual([name, defaultOf(name)]);
      }
    }
  });

  const defaultOf = (name: string): string => {
    const flag = table[name];
    if (flag === undefined || flag.secret || flag.default === undefined) return 'none';
    return flag.show(flag.default as never) || 'none';
  };

  test('what is not supported is refused, on the command line and in the environment', () => {
    for (const name of unsupported) {
      expect(() => loadFlags(table, { argv: [`--${name}=1`], env: {}, unsupported })).toThrow(/not supported/);
      const env = { [`MESOS_${name.toUpperCase()}`]: '1' };
      expect(() => loadFlags(table, { argv: [], env, unsupported })).toThrow(/not supported/);
    }
  });
});
