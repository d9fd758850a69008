import { MezzoError, type PluginStatus } from '@mezzo/sdk/contract';
import { MezzoCommand, workDirFlag } from '../lib/command.js';
import { kernelOptions, kernelUrl } from '../lib/cluster.js';
import { http, httpJson, type HttpOptions } from '../lib/http.js';
import { isAlive } from '../lib/processes.js';
import { WorkDir } from '../lib/workdir.js';
import { type DaemonRecord, daemonRecords } from '../up/daemon.js';
import { listPlugins, Supervisor } from '../up/supervisor.js';

interface DaemonStatus {
  readonly name: string;
  readonly pid?: number;
  readonly state: 'running' | 'unreachable' | 'dead';
  readonly address: string;
  readonly leader?: boolean;
}

export interface ClusterStatus {
  readonly supervisor: { readonly pid?: number; readonly state: string; readonly address: string };
  readonly masters: readonly DaemonStatus[];
  readonly agents: readonly DaemonStatus[];
  readonly plugins: readonly {
    readonly id: string;
    readonly pid?: number;
    readonly state: string;
    readonly address?: string;
    readonly reason?: string;
    readonly version: string;
    readonly restarts: number;
  }[];
}

export default class Status extends MezzoCommand {
  static override summary = 'Show the daemons and plugins of the local cluster';
  static override enableJsonFlag = true;
  static override flags = { 'work-dir': workDirFlag };

  async run(): Promise<ClusterStatus> {
    const { flags } = await this.parse(Status);
    const workDir = new WorkDir(flags['work-dir']);
    const records = daemonRecords(workDir);
    const supervisor = Supervisor.running(workDir);
    if (records.length === 0 && supervisor === undefined) {
      throw new MezzoError('NOT_UP', `no cluster runs in ${workDir.path}`, {
        blame: 'user',
        next: 'start one with `mezzo up`, or name another directory with --work-dir',
      });
    }
    const [masters, agents] = await Promise.all([
      this.daemons(workDir, records, 'master'),
      this.daemons(workDir, records, 'agent'),
    ]);
    const status: ClusterStatus = {
      supervisor: supervisor
        ? { pid: supervisor.pid, state: supervisor.phase, address: workDir.path }
        : { state: 'dead', address: workDir.path },
      masters,
      agents,
      plugins: await this.plugins(workDir, records),
    };
    this.show(status);
    return status;
  }

  private daemons(
    workDir: WorkDir,
    records: readonly DaemonRecord[],
    role: 'master' | 'agent',
  ): Promise<DaemonStatus[]> {
    return Promise.all(records.filter((record) => record.role === role).map((record) => this.daemon(workDir, record)));
  }

  private async daemon(workDir: WorkDir, record: DaemonRecord): Promise<DaemonStatus> {
    const { name, address, pid, role } = record;
    if (!isAlive(record)) return { name, state: 'dead', address };
    const url = kernelUrl(workDir, address);
    try {
      const options = { ...(await kernelOptions(workDir)), timeoutMs: 3000 };
      const leader = role === 'master' && (await leads(url, options));
      if (role === 'agent') await httpJson(`${url}/version`, options);
      return {
        name,
        pid,
        state: 'running',
        address,
        ...(role === 'master' ? { leader } : {}),
      };
    } catch {
      return { name, pid, state: 'unreachable', address };
    }
  }

  /** The master knows its own plugins; each agent knows those loaded into it. */
  private async plugins(workDir: WorkDir, records: readonly DaemonRecord[]): Promise<ClusterStatus['plugins']> {
    const lists = await Promise.all(
      records
        .filter((record) => isAlive(record))
        .map(async ({ address }) => {
          const list: readonly PluginStatus[] = await listPlugins(workDir, kernelUrl(workDir, address)).catch(() => []);
          return list.map((plugin) => ({ plugin, address }));
        }),
    );
    return lists.flat().map(({ plugin: { id, version, state, reason, pid, restarts, endpoints }, address }) => ({
      id,
      version,
      state,
      restarts,
      address: Object.values(endpoints)[0] ?? address,
      ...(pid === undefined ? {} : { pid }),
      ...(reason === undefined ? {} : { reason }),
    }));
  }

  private show({ supervisor, masters, agents, plugins }: ClusterStatus): void {
    const rows = [
      { kind: 'supervisor', name: 'supervisor', ...supervisor },
      ...masters.map((daemon) => ({
        kind: 'master',
        ...daemon,
        state: daemon.leader ? `${daemon.state}, leader` : daemon.state,
      })),
      ...agents.map((daemon) => ({ kind: 'agent', ...daemon })),
      ...plugins.map((plugin) => ({
        kind: 'plugin',
        name: plugin.id,
        ...plugin,
        state: plugin.reason ? `${plugin.state}: ${plugin.reason}` : plugin.state,
      })),
    ];
    this.table(rows, { kind: 'KIND', name: 'NAME', pid: 'PID', address: 'ADDRESS', state: 'STATE' }, 'nothing runs');
  }
}

/** A master that does not lead sends everybody to the one that does, or says that there is none. */
async function leads(url: string, options: HttpOptions): Promise<boolean> {
  const { status } = await http(`${url}/state-summary`, options);
  return status === 200;
}
