import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadFlags } from '../../kernel/main/flags.js';
import { createLog } from '../../kernel/main/log.js';
import { masterFlags } from '../../kernel/main/master-flags.js';
import { standBy, type StandbyMaster } from '../../kernel/main/master.js';
import { CutLine } from './cut-line.js';
import { ZookeeperServer } from './zookeeper-server.js';

/** Masters in this process on one real ZooKeeper, each with a line of its own to it, and the secrets of the first. */
export class TestMasters {
  readonly home = mkdtempSync(join(tmpdir(), 'mezzo-masters-'));
  private readonly masters: { readonly master: StandbyMaster; readonly line: CutLine }[] = [];

  private constructor(readonly zookeeper: ZookeeperServer) {}

  static async start(): Promise<TestMasters> {
    return new TestMasters(await ZookeeperServer.start());
  }

  /** What agents are given. */
  get zk(): string {
    return `zk://${this.zookeeper.hostPort}/mesos`;
  }

  /** `onFatal` instead of the end of the process. */
  async add(args: readonly string[] = [], onFatal: (error: unknown) => void = () => undefined): Promise<StandbyMaster> {
    const workDir = join(this.home, String(this.masters.length));
    const [first] = this.masters;
    if (first) cpSync(first.master.secretsDir, join(workDir, 'secrets'), { recursive: true });
    const line = await CutLine.to(this.zookeeper.port);
    const argv = [
      ...[`--work_dir=${workDir}`, '--port=0', '--hostname=localhost', `--log_dir=${workDir}/logs`, '--quorum=1'],
      ...[`--zk=zk://ann:secret@${line.hostPort}/mesos`, '--zk_session_timeout=2secs', ...args],
    ];
    const flags = loadFlags(masterFlags, { argv, env: {} });
    const log = createLog({ daemon: 'master', level: 'INFO', dir: flags.log_dir!, quiet: true });
    const master = await standBy(flags, { log, onFatal });
    this.masters.push({ master, line });
    return master;
  }

  /** As kill -9 is seen by others: ZooKeeper hears nothing, all connections break. */
  async kill(master: StandbyMaster): Promise<void> {
    this.cut(master);
    await master.close();
  }

  /** From ZooKeeper alone. */
  cut(master: StandbyMaster): void {
    this.masters.find((one) => one.master === master)?.line.cut();
  }

  async stop(): Promise<void> {
    for (const { master, line } of this.masters) {
      await master.close();
      line.close();
    }
    await this.zookeeper.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}
