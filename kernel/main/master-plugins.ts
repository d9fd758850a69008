import { join } from 'node:path';
import { hasCode, MezzoError } from '@mezzo/sdk/contract';
import { ALLOCATOR_POLICY } from '@mezzo/sdk/points/allocator-policy';
import { AUTHENTICATOR } from '@mezzo/sdk/points/authenticator';
import { AUTHORIZER } from '@mezzo/sdk/points/authorizer';
import { mintToken, verifyToken } from '@mezzo/sdk/secrets';
import {
  Follower,
  leadPlugins,
  operatorApi,
  PluginHost,
  type Authenticate,
  type HostStore,
  type PluginHostOptions,
} from '../plugin-host/index.js';
import { choosePolicy } from './allocator-policy.js';
import { chooseAuthorizer } from './authorizers.js';
import { chosenBy } from './chosen-plugins.js';
import type { MasterDaemon, StandbyMaster } from './master.js';
import { clusterInfo, readPluginConfig } from './plugin-config.js';

const TOKEN_SECONDS = 300;

/** What a master has of plugins. To be shut down before the daemon is closed. */
export interface MasterPlugins {
  shutdown(options: { readonly keepPlugins: boolean }): Promise<void>;
}

type Master = Omit<StandbyMaster, 'leading'>;

/** Those of a master that does not lead: what runs on every one, as the leader wants it. */
export async function followPlugins(master: Master, restart: (() => void) | undefined): Promise<MasterPlugins> {
  const { tls, workDir, clusterKey, log } = master;
  const follower = new Follower({
    leader: () => urlOfLeader(master),
    tls: tls && (() => tls.client),
    token: () => mintToken(clusterKey, { uid: nodeOf(master), scope: 'operator' }, TOKEN_SECONDS),
    node: nodeOf(master),
    kind: 'master',
    restarts: restart !== undefined,
    dir: join(workDir, 'registry'),
    log,
  });
  tls?.onRenewal(() => follower.renew());
  const host = await PluginHost.start({ ...hostOptions(master, restart), wanted: await follower.first() });
  takeIn(master, host);
  await host.setLeading(false);
  follower.follow(host);
  return {
    async shutdown(options) {
      await follower.close();
      await host.shutdown(options);
    },
  };
}

/** Those of the leader, which has a store for them; mounts `/plugins/v1`. */
export async function leadMasterPlugins(
  master: Master,
  store: HostStore,
  restart: (() => void) | undefined,
): Promise<MasterPlugins> {
  const { mountPlugins, clusterKey, log } = master;
  const leader = await leadPlugins({ ...hostOptions(master, restart), store, node: nodeOf(master) });
  const authenticate: Authenticate = (token, ...scopes) => verifyToken(clusterKey, token, ...scopes);
  mountPlugins(operatorApi(leader.host, authenticate, log, leader));
  takeIn(master, leader.host);
  takePolicy(master, leader.host);
  await leader.host.setLeading(true);
  return leader;
}

function hostOptions(master: Master, restart: (() => void) | undefined): PluginHostOptions {
  const { flags, log, workDir, secretsDir } = master;
  if (flags.plugins_registry === undefined) log.warn('no --plugins-registry is given: only installed plugins run');
  return {
    runsOn: 'master',
    workDir,
    registryDir: flags.plugins_registry,
    secretsDir,
    cluster: clusterInfo(flags, master.port),
    caFile: master.tls?.caFile,
    log,
    logLevel: log.level,
    config: readPluginConfig(flags.plugin_config),
    chosen: chosenBy(flags),
    restart,
  };
}

/** What plugins bring for the master itself. */
function takeIn({ gate, shell, log }: Master, host: PluginHost): void {
  gate.add(host.contributions(AUTHENTICATOR));
  for (const name of gate.missing()) log.error(`no plugin brings the authenticator ${name}: nobody gets in`);
  const absent = chooseAuthorizer(shell.state.options.authorizer, host.contributions(AUTHORIZER));
  if (absent !== undefined) log.error(`no plugin brings the authorizer ${absent}: nobody may do anything`);
}

function takePolicy({ shell, log }: Master, host: PluginHost): void {
  const { allocatorPolicy: name } = shell.state.options;
  if (name === undefined) return;
  const policy = choosePolicy(name, host.contributions(ALLOCATOR_POLICY), log, () => performance.now());
  if (policy) shell.allocateBy(policy);
  else log.error(`no plugin brings the allocator's policy ${name}: nobody is offered anything`);
}

const nodeOf = ({ flags, port }: Master): string => `${flags.advertise_ip ?? flags.ip}:${flags.advertise_port || port}`;

function urlOfLeader({ leader, tls }: Master): string | undefined {
  const { address } = leader() ?? {};
  const host = address?.ip ?? address?.hostname;
  if (address === undefined || host === undefined) return undefined;
  return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
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
