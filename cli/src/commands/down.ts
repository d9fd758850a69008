import { Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { MezzoCommand, workDirFlag } from '../lib/command.js';
import { signal, waitGone } from '../lib/processes.js';
import { removeFile, WorkDir } from '../lib/workdir.js';
import { anyDaemonAlive, recordedDaemons } from '../up/daemon.js';
import { endCluster, endMasters, Supervisor } from '../up/supervisor.js';
import { lineProgress } from '../up/ui.js';

const SUPERVISOR_TIMEOUT_MS = 60_000;

export default class Down extends MezzoCommand {
  static override summary = 'End the local cluster and its tasks, keeping all definitions';
  static override flags = {
    'work-dir': workDirFlag,
    'keep-tasks': Flags.boolean({ description: 'leave tasks running: the next `up` takes them back' }),
    'masters-only': Flags.boolean({
      description: 'end the masters and nothing else: their ZooKeeper, agents and tasks run on, for `mezzo restore`',
      exclusive: ['keep-tasks'],
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Down);
    const workDir = new WorkDir(flags['work-dir']);
    const supervisor = Supervisor.running(workDir);
    if (supervisor === undefined && !anyDaemonAlive(workDir)) {
      throw new MezzoError('NOT_UP', `no cluster runs in ${workDir.path}`, {
        blame: 'user',
        next: 'start one with `mezzo up`, or name another directory with --work-dir',
      });
    }
    const progress = lineProgress((line) => this.log(line));
    if (supervisor !== undefined && (flags['keep-tasks'] || flags['masters-only'])) {
      // The supervisor would end the tasks, so it must go first, by force; the daemons are ended here.
      signal(supervisor, 'SIGKILL');
      await waitGone(supervisor, 2000);
    } else if (supervisor !== undefined) {
      signal(supervisor, 'SIGTERM');
      if (await waitGone(supervisor, SUPERVISOR_TIMEOUT_MS)) return this.log('down: tasks ended, definitions kept');
      signal(supervisor, 'SIGKILL');
      progress.warn('the supervisor did not end in time; ending the daemons without it');
    }
    if (flags['masters-only']) await endMasters(recordedDaemons(workDir), progress);
    else await endCluster(workDir, recordedDaemons(workDir), flags['keep-tasks'], progress);
    removeFile(workDir.supervisorFile);
  }
}
