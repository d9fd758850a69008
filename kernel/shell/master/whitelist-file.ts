import { readFileSync, watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';
import { MezzoError, messageOf, type Logger } from '@mezzo/sdk/contract';

/** Somebody who writes a file cuts it off first: what is read at once may be half of it. */
const SETTLE_MS = 100;

/** A file with one name of a host a line, read again when it changes. What cannot be read is logged, and the last list stays. */
export class WhitelistFile {
  private hosts: readonly string[];

  /** Throws INVALID_FLAG when the file cannot be read. */
  constructor(
    private readonly file: string,
    private readonly log: Logger,
  ) {
    try {
      this.hosts = namesIn(file);
    } catch (cause) {
      throw new MezzoError('INVALID_FLAG', `flag --whitelist: ${messageOf(cause)}`, {
        blame: 'operator',
        next: 'name a file with the name of one host a line, or * for all',
        cause,
      });
    }
  }

  /** Tells the list, and each change of it, until what it answers is called. */
  follow(tell: (hosts: readonly string[]) => void): () => void {
    tell(this.hosts);
    let settling: NodeJS.Timeout | undefined;
    const look = (): void => {
      try {
        const hosts = namesIn(this.file);
        if (hosts.join('\n') === this.hosts.join('\n')) return;
        this.hosts = hosts;
        tell(hosts);
      } catch (error) {
        this.log.error('the whitelist cannot be read: the last one stays', { reason: messageOf(error) });
      }
    };
    const watcher = this.watch(() => {
      clearTimeout(settling);
      settling = setTimeout(look, SETTLE_MS);
    });
    look();
    return () => {
      clearTimeout(settling);
      watcher.close();
    };
  }

  /** Its directory is watched: editors put another file in its place. */
  private watch(changed: () => void): FSWatcher {
    const name = basename(this.file);
    const watcher = watch(dirname(this.file), { persistent: false }, (_event, about) => {
      if (about === null || about === name) changed();
    });
    return watcher.on('error', (error) => {
      this.log.error('the whitelist is not watched any more: restart to take up changes', { reason: messageOf(error) });
    });
  }
}

const namesIn = (file: string): readonly string[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
