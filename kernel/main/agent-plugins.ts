import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AUTHENTICATOR } from '@mezzo/sdk/points/authenticator';
import { AUTHORIZER } from '@mezzo/sdk/points/authorizer';
import { CONTAINERIZER, type Containerizer } from '@mezzo/sdk/points/containerizer';
import { QOS_CONTROLLER, RESOURCE_ESTIMATOR } from '@mezzo/sdk/points/oversubscription';
import { SECRET_STORE } from '@mezzo/sdk/points/secret-store';
import { Follower, operatorApi, PluginHost } from '../plugin-host/index.js';
import { clusterKey, verifyToken } from '@mezzo/sdk/secrets';
import type { AgentDaemon, AgentSeam } from './agent.js';
import { chooseAuthorizer } from './authorizers.js';
import { chosenBy } from './chosen-plugins.js';
import { mount, PLUGIN_API } from './mount.js';
import { clusterInfo, readPluginConfig } from './plugin-config.js';

/** Longer, and it goes by what was known: tasks are waiting to be taken back. */
const FIND_MASTER_MS = 3_000;

/** The plugins of an agent: first those that bring containerizers, then, once it serves, `/plugins/v1`. */
export class AgentPlugins {
  private host: PluginHost | undefined;
  private follower: Follower | undefined;

  /** `restart` ends the agent in order where somebody starts it again; undefined: nobody does. */
  constructor(private readonly restart: (() => void) | undefined) {}

  /** For `startAgent`: loads the plugins and answers the containerizers that they contribute. */
  readonly containerizers = async (seam: AgentSeam): Promise<readonly Containerizer[]> => {
    const { flags, log, workDir, secretsDir, tls, detector } = seam;
    await detector.find(FIND_MASTER_MS);
    this.follower = new Follower({
      leader: () => detector.leader && `${tls === undefined ? 'http' : 'https'}://${detector.leader.hostPort}`,
      tls: tls && (() => tls.client),
      token: () => readToken(flags.join_token_file ?? join(workDir, 'join.token')),
      node: `${flags.advertise_ip ?? flags.ip}:${seam.port}`,
      kind: 'agent',
      restarts: this.restart !== undefined,
      dir: join(workDir, 'registry'),
      log,
    });
    tls?.onRenewal(() => this.follower?.renew());
    if (flags.plugins_registry === undefined) log.warn('no --plugins-registry is given: only installed plugins run');
    this.host = await PluginHost.start({
      runsOn: 'agent',
      workDir,
      registryDir: flags.plugins_registry,
      secretsDir,
      cluster: clusterInfo(flags, seam.port),
      caFile: tls?.caFile,
      log,
      logLevel: log.level,
      config: readPluginConfig(flags.plugin_config),
      chosen: chosenBy(flags),
      wanted: await this.follower.first(),
      restart: this.restart,
    });
    return this.host.contributions(CONTAINERIZER);
  };

  serve({ app, gate, authorizer, oversubscribe, host, secretsDir, log }: AgentDaemon): void {
    gate.add(this.host?.contributions(AUTHENTICATOR) ?? []);
    for (const name of gate.missing()) log.error(`no plugin brings the authenticator ${name}: nobody gets in`);
    const absent = chooseAuthorizer(authorizer, this.host?.contributions(AUTHORIZER) ?? []);
    if (absent !== undefined) log.error(`no plugin brings the authorizer ${absent}: nobody may do anything`);
    const brought = {
      estimators: this.host?.contributions(RESOURCE_ESTIMATOR) ?? [],
      controllers: this.host?.contributions(QOS_CONTROLLER) ?? [],
    };
    for (const [flag, name] of Object.entries(oversubscribe(brought)))
      if (name !== undefined) log.error(`no plugin brings ${String(name)}: --${flag} has no effect`);
    if (!host.secrets.choose(this.host?.contributions(SECRET_STORE) ?? []))
      log.error(`no plugin brings the secret store ${host.secrets.wanted}: tasks that name secrets fail`);
    const key = clusterKey(secretsDir);
    if (this.host !== undefined) this.follower?.follow(this.host);
    if (this.host !== undefined)
      mount(app, PLUGIN_API)(operatorApi(this.host, (token, ...scopes) => verifyToken(key, token, ...scopes), log));
  }

  async shutdown(options: { readonly keepPlugins: boolean }): Promise<void> {
    await this.follower?.close();
    await this.host?.shutdown(options);
  }
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
