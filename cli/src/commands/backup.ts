import { Args, Flags } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import { takeBackup, type Backup as Taken } from '../lib/backup.js';
import { clusterFlags, MezzoCommand } from '../lib/command.js';

const SHOWN_EVERY = 1000;

export default class Backup extends MezzoCommand {
  static override summary = 'Copy all that the leading master keeps into one file, at one moment';
  static override description =
    'Agents, frameworks, quota and what plugins keep (apps, users): not tasks, which agents keep, nor secrets/ and installed packages, which are files of the masters. The file holds what plugins keep secret. An older file of this name is replaced once the new one is whole.';
  static override examples = ['<%= config.bin %> backup mezzo.backup'];
  static override enableJsonFlag = true;
  static override args = { file: Args.string({ description: 'file to write (0600)' }) };
  static override flags = {
    ...clusterFlags,
    out: Flags.string({ char: 'o', description: 'the same', helpValue: 'FILE' }),
  };

  async run(): Promise<Taken> {
    const { args, flags } = await this.parse(Backup);
    const out = args.file ?? flags.out;
    if (out === undefined)
      throw new MezzoError('FILE_MISSING', 'No file to write is named', { blame: 'user', next: 'mezzo backup FILE' });
    const isShown = process.stderr.isTTY && !this.jsonEnabled();
    let [seen, count] = [0, 0];
    const show = (): void => void (isShown && process.stderr.write(`\r${seen} of ${count} entries`));
    const taken = await takeBackup(await this.cluster(flags), out, {
      header: (header) => ((count = header.count), show()),
      entry: () => ++seen % SHOWN_EVERY === 0 && show(),
    }).finally(() => isShown && process.stderr.write('\r\u001b[K'));
    const { file, bytes, sequence, epoch } = taken;
    this.log(`${file}: ${count} entries, ${bytes} bytes, at sequence ${sequence} of epoch ${epoch}`);
    return taken;
  }
}
