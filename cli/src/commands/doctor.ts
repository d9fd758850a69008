import { Flags } from '@oclif/core';
import { MezzoCommand, workDirFlag } from '../lib/command.js';
import { examine, type Finding } from '../lib/doctor.js';
import { WorkDir } from '../lib/workdir.js';

const MARK = { ok: 'ok  ', lack: 'lack', fail: 'FAIL' } as const;

export default class Doctor extends MezzoCommand {
  static override summary = 'Say what this machine offers and what each lack costs';
  static override enableJsonFlag = true;
  static override flags = {
    'work-dir': workDirFlag,
    'port-offset': Flags.integer({ description: 'as for `up`', default: 0, min: 0, max: 33_535 }),
  };

  async run(): Promise<{ findings: Finding[] }> {
    const { flags } = await this.parse(Doctor);
    const findings = await examine(new WorkDir(flags['work-dir']), flags['port-offset']);
    for (const { name, state, found, cost } of findings) {
      this.log(`${MARK[state]}  ${name.padEnd(14)}  ${found}`);
      if (cost) this.log(`      ${''.padEnd(14)}  ${cost}`);
    }
    if (findings.some(({ state }) => state === 'fail')) process.exitCode = 1;
    return { findings };
  }
}
