import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Flags } from '@oclif/core';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import { Cluster } from '../lib/cluster.js';
import { MezzoCommand, workDirFlag } from '../lib/command.js';
import { isAlive, spawnDetached } from '../lib/processes.js';
import { readJson, removeFile, WorkDir } from '../lib/workdir.js';
import { findApp, readDefinition, untilAnswers, watchApp } from '../up/deploy.js';
import { sampleApp } from '../up/kernel.js';
import { PORTS } from '../up/plan.js';
import { Supervisor, type SupervisorRecord } from '../up/supervisor.js';
import { lineProgress, type Progress } from '../up/ui.js';

const DEPLOY_TIMEOUT_MS = 120_000;
const DETACHED_TIMEOUT_MS = 240_000;
const FIRST_LOGIN_TIMEOUT_MS = 10_000;

interface FirstLogin {
  readonly uid: string;
  readonly password: string;
  readonly link: string;
}

export default class Up extends MezzoCommand {
  static override summary = 'Start a data centre on this machine, or take over one whose supervisor died';
  static override description =
    'Starts a master, agents and the plugins (marathon, dns, router), watches them and starts again what dies. Ctrl-C ends the cluster and its tasks with grace and keeps all definitions.';
  static override examples = [
    '<%= config.bin %> up',
    '<%= config.bin %> up --detach --agents 3',
    '<%= config.bin %> up --work-dir /tmp/second --port-offset 2000',
  ];
  static override flags = {
    'work-dir': workDirFlag,
    agents: Flags.integer({
      description: 'agents that share this machine (default: as before, else 1)',
      min: 1,
      max: 250,
      helpValue: 'N',
    }),
    masters: Flags.integer({
      description: 'masters, of which one leads: 3 or 5, each with a ZooKeeper of its own (default: as before, else 1)',
      helpValue: 'N',
    }),
    'port-offset': Flags.integer({
      description: 'added to every port, task ports too (default: as before, else 0)',
      min: 0,
      max: 33_535,
      helpValue: 'N',
    }),
    name: Flags.string({ description: 'name of the cluster (default: as before, else mezzo)' }),
    tls: Flags.boolean({
      description:
        "master and agents speak HTTPS, with certificates of the cluster's own authority in secrets/ca.pem (default: as before, else not)",
      allowNo: true,
    }),
    detach: Flags.boolean({ description: 'return once everything answers', char: 'd' }),
    deploy: Flags.string({
      description: 'deploy this app definition once the cluster is up, unless it is there',
      helpValue: 'FILE',
    }),
    sample: Flags.boolean({
      description: 'deploy a sample app when the cluster is new and nothing else is to be deployed',
      default: true,
      allowNo: true,
    }),
    'keep-tasks': Flags.boolean({ description: 'leave tasks running when the cluster ends' }),
  };

  private isFirstStart = false;

  async run(): Promise<void> {
    const { flags } = await this.parse(Up);
    const workDir = new WorkDir(flags['work-dir']);
    if (flags.masters !== undefined && ![1, 3, 5].includes(flags.masters))
      throw new MezzoError('MASTERS_INVALID', `--masters is ${flags.masters}: 1, 3 or 5 are possible`, {
        blame: 'user',
        next: 'use --masters 3: an odd number, so that most of them are left when one dies',
      });
    this.isFirstStart = workDir.cluster === undefined;
    const deploy = flags.deploy ?? (flags.sample && this.isFirstStart ? sampleApp() : undefined);
    if (flags.detach) return this.detach(workDir, deploy);
    const progress = lineProgress((line) => this.log(line));
    const supervisor = new Supervisor(
      workDir,
      {
        ...(flags.agents !== undefined && { agents: flags.agents }),
        ...(flags['port-offset'] !== undefined && { portOffset: flags['port-offset'] }),
        ...(flags.name !== undefined && { clusterName: flags.name }),
        ...(flags.tls !== undefined && { tls: flags.tls }),
        ...(flags.masters !== undefined && { masters: flags.masters }),
      },
      progress,
    );
    const ended = new Promise<void>((resolve) => {
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => resolve());
    });
    const work = this.bringUp(supervisor, workDir, progress, deploy);
    try {
      await Promise.race([work, ended]);
      await ended;
    } catch (error) {
      if (!(error instanceof MezzoError && error.code === 'ALREADY_UP')) {
        const known =
          error instanceof MezzoError
            ? error
            : new MezzoError('START_FAILED', messageOf(error), { blame: 'kernel', cause: error });
        await supervisor.stop(true);
        supervisor.record('failed', known.toJSON());
        throw known;
      }
      throw error;
    }
    this.log('\nending the cluster (tasks get their grace; definitions are kept)');
    await supervisor.stop(flags['keep-tasks']);
    work.catch(() => {});
    process.exit(0);
  }

  private async bringUp(
    supervisor: Supervisor,
    workDir: WorkDir,
    progress: Progress,
    deploy: string | undefined,
  ): Promise<void> {
    progress.step(
      `work directory ${workDir.path}${process.getuid?.() === 0 ? '' : ' (not root: tasks are plain process groups, limits are not enforced)'}`,
    );
    await supervisor.start();
    const app =
      deploy === undefined ? undefined : await this.deploySample(await Cluster.find({ workDir }), deploy, progress);
    if (process.env.MEZZO_DETACHED === undefined) await this.showHints(workDir, app);
    supervisor.record('ready');
  }

  /** Puts the sample there unless the user has it already: an app that was changed or scaled stays as it is. */
  private async deploySample(cluster: Cluster, file: string, progress: Progress): Promise<string> {
    const definition = readDefinition(file);
    await this.untilMarathon(cluster);
    if ((await findApp(cluster, definition.id)) === undefined) {
      progress.step(`deploying ${definition.id}`);
      await cluster.json('/service/marathon/v2/apps', { method: 'POST', body: definition });
    }
    const app = await watchApp(cluster, definition.id, (line) => progress.step(line), DEPLOY_TIMEOUT_MS);
    if (app.instances > 0) await untilAnswers(`${cluster.url}/service${app.id}/`, 15_000);
    progress.step(`${app.id} answers`);
    return app.id;
  }

  private async untilMarathon(cluster: Cluster): Promise<void> {
    for (const deadline = Date.now() + 30_000; ; await sleep(50)) {
      const answer = await cluster.raw('/service/marathon/v2/leader').catch(() => undefined);
      if (answer?.status === 200) return;
      if (Date.now() > deadline)
        throw new MezzoError(
          'NO_MARATHON',
          `marathon does not answer through the router (${answer?.status ?? 'no connection'})`,
          { blame: 'plugin', next: 'look at `mezzo plugin list`' },
        );
    }
  }

  private async showHints(workDir: WorkDir, app: string | undefined): Promise<void> {
    const { routerUrl, portOffset } = workDir.cluster!;
    const mezzo = workDir.path === new WorkDir().path ? 'npx mezzo' : `MEZZO_WORK_DIR=${workDir.path} npx mezzo`;
    const lines = ['', 'Your data centre is up. Try:'];
    if (app !== undefined) {
      const name = app.replace(/^\//, '').split('/').reverse().join('-');
      lines.push(
        `  curl ${routerUrl}/service${app}/`,
        `  dig @127.0.0.1 -p ${PORTS.dns + portOffset} +short SRV _${name}._tcp.marathon.mesos`,
        `  ${mezzo} app scale ${app} 3`,
      );
    }
    lines.push(`  ${mezzo} app list`, `  ${mezzo} task list`, `  ${mezzo} status`, `  open ${routerUrl}/ in a browser`);
    const first = await this.firstLogin(workDir);
    if (first)
      lines.push(
        '',
        `Sign in once with this link:  ${first.link}`,
        `or as user ${first.uid} with password ${first.password}  (shown this once)`,
      );
    for (const line of [...lines, '']) this.log(line);
  }

  /** The router leaves the first user's password in a file for us; it is shown once and forgotten. Hashing it takes a moment. */
  private async firstLogin(workDir: WorkDir): Promise<FirstLogin | undefined> {
    const file = workDir.at('plugins', 'router', 'state', 'first-login.json');
    const deadline = Date.now() + (this.isFirstStart ? FIRST_LOGIN_TIMEOUT_MS : 0);
    let first = readJson<FirstLogin>(file);
    while (first === undefined && Date.now() < deadline) {
      await sleep(50);
      first = readJson<FirstLogin>(file);
    }
    if (first !== undefined) removeFile(file);
    return first;
  }

  /** Starts ourselves again in the background and shows its log until it is ready or has failed. */
  private async detach(workDir: WorkDir, deploy: string | undefined): Promise<void> {
    const running = Supervisor.running(workDir);
    if (running !== undefined) {
      throw new MezzoError('ALREADY_UP', `this cluster is up already (supervisor pid ${running.pid})`, {
        blame: 'user',
        next: 'see it with `mezzo status`, end it with `mezzo down`',
      });
    }
    const log = workDir.logFile('supervisor');
    const args = process.argv.slice(1).filter((arg) => arg !== '--detach' && arg !== '-d');
    let shown = sizeOf(log);
    const child = spawnDetached(process.execPath, args, log, { ...process.env, MEZZO_DETACHED: '1' });
    const show = () => (shown = copyFrom(log, shown));
    for (const deadline = Date.now() + DETACHED_TIMEOUT_MS; ; await sleep(100)) {
      show();
      const record = readJson<SupervisorRecord>(workDir.supervisorFile);
      if (record?.pid === child.pid && record.phase === 'ready') break;
      if (!isAlive(child)) {
        show();
        const { error } = readJson<SupervisorRecord>(workDir.supervisorFile) ?? {};
        throw new MezzoError('START_FAILED', String(error?.message ?? 'the supervisor ended'), {
          blame: 'environment',
          next: String(error?.next ?? `read ${log}`),
        });
      }
      if (Date.now() > deadline)
        throw new MezzoError(
          'START_SLOW',
          `not ready after ${DETACHED_TIMEOUT_MS / 1000} s; it goes on in the background (pid ${child.pid})`,
          { blame: 'environment', next: `read ${log}` },
        );
    }
    show();
    await this.showHints(workDir, deploy === undefined ? undefined : readDefinition(deploy).id);
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Shows what a log has gained; answers how far it was shown. */
function copyFrom(file: string, from: number): number {
  const size = sizeOf(file);
  if (size > from) process.stdout.write(readFileSync(file).subarray(from, size));
  return size;
}
