import { Command, Flags } from '@oclif/core';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';
import { Cluster } from './cluster.js';
import { WorkDir } from './workdir.js';

export const workDirFlag = Flags.string({
  description: 'directory of the local cluster',
  env: 'MEZZO_WORK_DIR',
  helpValue: 'DIR',
  default: async () => new WorkDir().path,
  noCacheDefault: true,
  defaultHelp: '~/.mezzo',
});

/** Flags of every command that talks to a cluster. */
export const clusterFlags = {
  'work-dir': workDirFlag,
  url: Flags.string({ description: 'URL of the router of a cluster', env: 'MEZZO_URL', helpValue: 'URL' }),
  token: Flags.string({ description: 'token to use there', env: 'MEZZO_TOKEN', helpValue: 'TOKEN' }),
  context: Flags.string({ description: 'a cluster that `auth login` remembered', helpValue: 'NAME' }),
};

export const watchTimeout = (defaultSeconds: number) =>
  Flags.integer({
    description: 'how long to watch the deployment',
    default: defaultSeconds,
    min: 1,
    helpValue: 'SECONDS',
  });

/** Base of all commands: --json for what lists or shows, and errors that say who can mend them and how. */
export abstract class MezzoCommand extends Command {
  protected cluster(flags: {
    'work-dir': string;
    url?: string | undefined;
    token?: string | undefined;
    context?: string | undefined;
  }): Promise<Cluster> {
    return Cluster.find({
      url: flags.url,
      token: flags.token,
      context: flags.context,
      workDir: new WorkDir(flags['work-dir']),
    });
  }

  protected override async catch(error: Error & { exitCode?: number }): Promise<unknown> {
    const mezzo = error as Partial<MezzoError> & Error;
    if (mezzo.blame === undefined) return super.catch(error);
    if (this.jsonEnabled()) {
      this.logJson({ error: (error as MezzoError).toJSON() });
      process.exitCode = 1;
      return undefined;
    }
    this.error(messageOf(error), {
      exit: 1,
      ...(mezzo.code ? { code: mezzo.code } : {}),
      ...(mezzo.next ? { suggestions: [mezzo.next] } : {}),
    });
  }

  /** Columns aligned, no colours: works in pipes. Empty lists say so on stderr, so that a pipe stays clean. */
  protected table<Row extends object>(
    rows: readonly Row[],
    columns: Readonly<Partial<Record<keyof Row & string, string>>>,
    none: string,
  ): void {
    if (this.jsonEnabled()) return;
    if (rows.length === 0) return this.logToStderr(none);
    const keys = Object.keys(columns) as (keyof Row & string)[];
    const cells = [keys.map((key) => columns[key] ?? ''), ...rows.map((row) => keys.map((key) => text(row[key])))];
    const widths = keys.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
    for (const row of cells)
      this.log(row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join('  '));
  }
}

const text = (value: unknown): string => (value === undefined ? '-' : String(value));
