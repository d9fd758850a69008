import { hasCode, MezzoError } from '@mezzo/sdk/contract';
import { operatorApi, PluginHost, type HostStore } from '../plugin-host/index.js';
import { AUTHENTICATOR } from '@mezzo/sdk/points/authenticator';
import { AUTHORIZER } from '@mezzo/sdk/points/authorizer';
import { verifyToken } from '@mezzo/sdk/secrets';
import { chooseAuthorizer } from './authorizers.js';
import type { MasterDaemon, StandbyMaster } from './master.js';
import { mount } from './mount.js';
import { clusterInfo, readPluginConfig } from './plugin-config.js';

/**
 * Starts the plugins of a master; of one that leads, which has a store for them, all of them, and mounts `/plugins/v1`. To be shut
 * down before the daemon is closed.
 */
export async function startMasterPlugins(
  daemon: Omit<StandbyMaster, 'leading'>,
  store: HostStore | undefined,
): Promise<PluginHost> {
  const { flags, log, workDir, secretsDir, clusterKey } = daemon;
  if (flags.plugins_registry === undefined) log.warn('no --plugins-registry is given: only installed plugins run');
  const host = await PluginHost.start({
    runsOn: 'master',
    workDir,
    registryDir: flags.plugins_registry,
    secretsDir,
    cluster: clusterInfo(flags, daemon.port),
    caFile: daemon.tls?.caFile,
    log,
    logLevel: log.level,
    ...(store && { store }),
    config: readPluginConfig(flags.plugin_config),
  });
  if (store) {
    mount(
      daemon.app,
      '/plugins/v1',
      operatorApi(host, (token, ...scopes) => verifyToken(clusterKey, token, ...scopes), log),
    );
  }
  daemon.gate.add(host.contributions(AUTHENTICATOR));
  for (const name of daemon.gate.missing()) log.error(`no plugin brings the authenticator ${name}: nobody gets in`);
  const { authorizer } = daemon.shell.state.options;
  const absent = chooseAuthorizer(authorizer, host.contributions(AUTHORIZER));
  if (absent !== undefined) log.error(`no plugin brings the authorizer ${absent}: nobody may do anything`);
  await host.setLeading(store !== undefined);
  return host;
}

/** The store as plugins of this leader may write it: a deposed leader's writes are refused as unavailable. */
export function leaderStore({ store, epoch }: MasterDaemon): HostStore {
  return {
    get: (key) => store.get(key),
    list: (prefix) => store.list(prefix),
    commit: (writes) =>
      store.commit({ epoch, writes }).catch((cause: unknown) => {
        if (!hasCode(cause, 'STORE_FENCED')) throw cause;
        throw new MezzoError('STORE_UNAVAILABLE', 'this master does not lead any more', {
          blame: 'kernel',
          retryable: true,
          cause,
        });
      }),
  };
}
