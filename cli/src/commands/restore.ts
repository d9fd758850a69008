import { existsSync } from 'node:fs';
import { Args, Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { MezzoCommand, workDirFlag } from '../lib/command.js';
import { WorkDir } from '../lib/workdir.js';
import { zkFile } from '../up/cluster-setup.js';
import { runForJson } from '../lib/run-daemon.js';

interface Restored {
  readonly into: string;
  readonly cluster?: string;
  readonly time: string;
  readonly count: number;
  readonly replaced: number;
}

export default class Restore extends MezzoCommand {
  static override summary = 'Put a backup into a store that no master uses: all of it, or nothing';
  static override description =
    'Into the work directory of a single master, or into ZooKeeper for several. The file is checked as a whole before anything is written. Then start the masters, with the secrets/ they had: agents come back with their tasks.';
  static override examples = [
    '<%= config.bin %> restore mezzo.backup',
    '<%= config.bin %> restore mezzo.backup --zk file:///etc/mezzo/zk',
  ];
  static override enableJsonFlag = true;
  static override args = { file: Args.string({ required: true, description: 'what `backup` wrote' }) };
  static override flags = {
    'work-dir': workDirFlag,
    zk: Flags.string({
      description:
        'ZooKeeper instead of the work directory: zk://..., or file://PATH of it, as for `master`; of a cluster of `up --masters` its own',
      env: 'MEZZO_ZK',
      helpValue: 'ZK',
    }),
    'store-driver': Flags.string({
      description: 'directory of the package that brings the store, as for `master`',
      env: 'MEZZO_STORE_DRIVER',
      helpValue: 'DIR',
    }),
    'store-driver-config': Flags.string({
      description: 'its configuration, as for `master`: JSON, or file://PATH of it',
      env: 'MEZZO_STORE_DRIVER_CONFIG',
      helpValue: 'JSON',
    }),
    force: Flags.boolean({ description: 'replace what the store holds' }),
  };

  async run(): Promise<Restored> {
    const { args, flags } = await this.parse(Restore);
    const own = zkFile(new WorkDir(flags['work-dir']));
    const given = {
      MEZZO_FROM: args.file,
      MEZZO_WORK_DIR: flags['work-dir'],
      MEZZO_FORCE: String(flags.force ?? false),
    };
    // By the environment: an argument list is for all to read.
    const { error, ...restored } = await runForJson<Restored & { error?: Record<string, string> }>('restore', {
      ...given,
      MEZZO_ZK: flags.zk ?? (existsSync(own) ? `file://${own}` : undefined),
      MESOS_ZK: undefined,
      MEZZO_STORE_DRIVER: flags['store-driver'],
      MEZZO_STORE_DRIVER_CONFIG: flags['store-driver-config'],
    });
    if (error !== undefined)
      throw new MezzoError(error.code ?? 'FAILED', error.message ?? 'the restore failed', {
        blame: (error.blame as 'operator' | undefined) ?? 'kernel',
        ...(error.next !== undefined && { next: error.next }),
      });
    const { into, count, replaced, time } = restored;
    const instead = replaced > 0 ? ` instead of ${replaced}` : '';
    this.log(`${into} holds ${count} entries of ${time}${instead}: start the masters`);
    return restored;
  }
}
