import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { MezzoError, messageOf, type Disposable, type Logger } from '@mezzo/sdk/contract';
import { healthOf, modesOf, parseMntr, type Health } from '../core/health.js';
import { parseServerLines, refusalOf, serverLine, type Member, type MemberChange } from '../core/members.js';
import { NEVER_STARTED, stepRestarts, type RestartRules } from '../core/restarts.js';
import { dynamicFileOf, zooCfg } from '../core/zoo-cfg.js';
import { selfOf, superDigest, superPassword, type EnsembleConfig } from './config.js';
import { ask, askAll } from './four-letter.js';
import { ServerProcess } from './server-process.js';
import { Snapshots, type SnapshotInfo } from './snapshots.js';
import { zookeeperCli, type Java } from './zookeeper-cli.js';

const WATCH_MS = 500;
const STOP_GRACE_MS = 10_000;
/** With less of it a server cannot even write down that it leads. */
const ROOM_BYTES = 1 << 20;

export interface MemberStatus extends Member {
  readonly health: Health;
  readonly isSelf: boolean;
  readonly isMember: boolean;
}

/** One ZooKeeper server on this machine: configured, started, watched, and started again when it dies or hangs. */
export class MemberServer implements Disposable {
  readonly self: Member;
  private readonly process: ServerProcess;
  private readonly snapshots: Snapshots;
  private readonly java: Java;
  private readonly rules: RestartRules;
  private restarts = NEVER_STARTED;
  private timer: NodeJS.Timeout | undefined;
  private watching: Promise<void> | undefined;
  /** One change at a time, of members or data. */
  private busy: string | undefined;
  starts = 0;

  constructor(
    private readonly config: EnsembleConfig,
    private readonly dir: string,
    private readonly clusterKey: Uint8Array,
    private readonly log: Logger,
  ) {
    this.self = selfOf(config);
    this.process = new ServerProcess(join(dir, 'server.json'), join(dir, 'zookeeper.log'));
    this.snapshots = new Snapshots(join(dir, 'snapshots'), join(dir, 'data'), config.snapshotsMax);
    this.java = { java: config.java, classPath: `${join(dir, 'conf')}:${config.jar}` };
    const silentMaxMs = Math.max(60_000, 2 * config.tickTimeMs * Math.max(config.initLimit, config.syncLimit));
    this.rules = { firstMs: 1000, maxMs: 30_000, wellAfterMs: 30_000, silentMaxMs };
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Starts or takes over the server, and keeps it running until it is told to stop. */
  start(): void {
    if (this.timer !== undefined) return;
    this.configure();
    this.timer = setInterval(() => this.watch(), WATCH_MS);
    this.watch();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.watching;
    await this.process.stop(STOP_GRACE_MS);
    this.restarts = NEVER_STARTED;
  }

  dispose(): Promise<void> {
    return this.stop();
  }

  /** As ZooKeeper wrote them last; those of the configuration until it did. */
  get members(): readonly Member[] {
    const file = this.dynamicFile();
    const members = existsSync(file) ? parseServerLines(readFileSync(file, 'utf8')) : [];
    return members.length > 0 ? members : this.config.members;
  }

  /** This one too, while it is no member: it may be catching up. */
  async status(): Promise<MemberStatus[]> {
    const { members, self } = this;
    const isMember = members.some(({ id }) => id === self.id);
    const shown = isMember ? members : [...members, self];
    const health = await askAll(shown);
    return shown.map((member) => {
      const isSelf = member.id === self.id;
      return { ...member, health: health.get(member.id)!, isSelf, isMember: isMember || !isSelf };
    });
  }

  async metrics(): Promise<Record<string, string>> {
    return parseMntr((await ask(this.self, 'mntr')) ?? '');
  }

  /** By ZooKeeper's own reconfiguration, which nobody is restarted for. Rejects with what makes it unsafe. */
  change(change: MemberChange): Promise<readonly Member[]> {
    return this.alone('a change of members', async () => {
      const { members } = this;
      const asked = 'add' in change ? [...members, change.add] : members;
      const refused = refusalOf(members, modesOf(await askAll(asked)), change);
      if (refused) throw new MezzoError(refused.code, refused.message, { blame: 'operator', next: refused.next });
      const what = 'add' in change ? `-add ${serverLine(change.add)}` : `-remove ${change.remove}`;
      const commands = [`addauth digest super:${superPassword(this.clusterKey)}`, `reconfig ${what}`];
      const answer = await zookeeperCli(this.java, `${this.self.host}:${this.self.clientPort}`, commands);
      this.log.info('members changed', { what });
      return parseServerLines(answer);
    });
  }

  takeSnapshot(): Promise<SnapshotInfo> {
    return this.alone('a snapshot', () => this.snapshots.take(new Date()));
  }

  listSnapshots(): Promise<SnapshotInfo[]> {
    return this.snapshots.list();
  }

  restore(name: string): Promise<SnapshotInfo> {
    return this.alone('a restore', async () => {
      if (this.timer !== undefined || this.pid !== undefined)
        throw new MezzoError('MEMBER_RUNS', `member ${this.self.id} runs`, {
          blame: 'operator',
          next: 'stop it first: POST /ensemble/v1/stop',
        });
      return this.snapshots.restore(name);
    });
  }

  private async alone<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.busy !== undefined)
      throw new MezzoError('BUSY', `${this.busy} is under way`, {
        blame: 'user',
        retryable: true,
        next: 'try again when it is done',
      });
    this.busy = what;
    try {
      return await work();
    } finally {
      this.busy = undefined;
    }
  }

  private watch(): void {
    this.watching ??= this.look()
      .catch((error: unknown) => this.log.error('the server cannot be watched', { error: messageOf(error) }))
      .finally(() => (this.watching = undefined));
  }

  private async look(): Promise<void> {
    const alive = this.pid !== undefined;
    const answer = alive ? await ask(this.self, 'srvr') : undefined;
    const answers = answer !== undefined;
    const seen = { alive, answers, serves: healthOf(answer) !== 'not serving', hasRoom: await this.hasRoom() };
    if (this.timer === undefined) return;
    const [next, action] = stepRestarts(this.restarts, seen, performance.now(), this.rules);
    this.restarts = next;
    if (action === 'kill') {
      const why = answers ? 'has no room on its disk: it is started when it has' : 'hangs';
      this.log.warn(`the server ${why}, and is ended`, { pid: this.pid });
      this.process.kill('SIGKILL');
    }
    if (action === 'start') this.run();
  }

  private async hasRoom(): Promise<boolean> {
    const { bavail, bsize } = await statfs(this.dir);
    return bavail * bsize >= ROOM_BYTES;
  }

  private run(): void {
    this.configure();
    const { heapMib } = this.config;
    const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
    this.process.start(this.java.java, [`-Xmx${heapMib}m`, '-cp', this.java.classPath, main, this.conf('zoo.cfg')]);
    this.starts++;
    this.log.info(this.starts === 1 ? 'server started' : 'server started again', {
      pid: this.pid,
      starts: this.starts,
    });
  }

  /**
   * Writes zoo.cfg. The members are those that ZooKeeper knows, since what was changed must not come back; a server that is not among them,
   * because it has yet to be added, joins them without a vote.
   */
  private configure(): void {
    for (const name of ['conf', 'data', 'snapshots']) mkdirSync(join(this.dir, name), { recursive: true, mode: 0o700 });
    this.keepMyId();
    const { members, self } = this;
    const isMember = members.some(({ id }) => id === self.id);
    let dynamicConfigFile = this.dynamicFile();
    if (!isMember || !existsSync(dynamicConfigFile)) {
      dynamicConfigFile = this.conf('zoo.cfg.dynamic');
      const lines = (isMember ? members : [...members, self]).map(serverLine);
      writeFileSync(dynamicConfigFile, `${lines.join('\n')}\n`, { mode: 0o600 });
    }
    const { tickTimeMs, initLimit, syncLimit } = this.config;
    const digest = superDigest(superPassword(this.clusterKey));
    const settings = {
      dataDir: join(this.dir, 'data'),
      dynamicConfigFile,
      tickTimeMs,
      initLimit,
      syncLimit,
      superDigest: digest,
    };
    writeFileSync(this.conf('zoo.cfg'), zooCfg(settings), { mode: 0o600 });
    writeFileSync(this.conf('log4j.properties'), 'log4j.rootLogger=OFF\n', { mode: 0o600 });
  }

  private keepMyId(): void {
    const file = join(this.dir, 'data', 'myid');
    const written = existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
    if (written !== undefined && written !== this.self.id)
      throw new MezzoError(
        'MEMBER_ID_CHANGED',
        `${file} is of member ${written}, and plugins.ensemble.myId is ${this.self.id}`,
        {
          blame: 'operator',
          next: `set myId to ${written}, or move the data directory away`,
        },
      );
    writeFileSync(file, `${this.self.id}\n`);
  }

  private dynamicFile(): string {
    const zooCfgFile = this.conf('zoo.cfg');
    const named = existsSync(zooCfgFile) ? dynamicFileOf(readFileSync(zooCfgFile, 'utf8')) : undefined;
    return named !== undefined && existsSync(named) ? named : this.conf('zoo.cfg.dynamic');
  }

  private conf(name: string): string {
    return join(this.dir, 'conf', name);
  }
}
