import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { KeeperFiles } from './keeper.js';
import type { OwnPluginFiles } from './own-plugin.js';
import type { PluginDirs } from './sandbox.js';
import { socketDirectory } from './unix-socket.js';

export const API_SOCKET = 'kernel.sock';
/** Two, so that a process and the one that follows it can live at once. */
export const CONTROL_SOCKETS = ['control.sock', 'control-2.sock'] as const;

/** Where the host keeps what, below the daemon's work directory. */
export class HostFiles {
  readonly plugins: string;
  readonly registry: string;
  readonly logs: string;
  /** Records, specs, tokens and control sockets of running plugins. */
  readonly run: string;

  constructor(private readonly workDir: string) {
    this.plugins = join(workDir, 'plugins');
    this.registry = join(workDir, 'registry');
    this.logs = join(workDir, 'logs');
    this.run = join(workDir, 'run', 'plugins');
    for (const dir of [this.plugins, this.registry, this.logs, this.run, this.apiDir])
      mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** Holds the socket that plugins call, and nothing else. */
  get apiDir(): string {
    return socketDirectory(join(this.workDir, 'run', 'api'), API_SOCKET);
  }

  stateDir(id: string): string {
    return join(this.plugins, id, 'state');
  }

  of(id: string): OwnPluginFiles {
    return { record: join(this.run, `${id}.json`), log: join(this.logs, `${id}.log`) };
  }

  /** Of whoever keeps its sockets open. */
  keeper(id: string): KeeperFiles {
    return { dir: join(this.run, id, 'keeper'), record: join(this.run, `${id}.keeper.json`) };
  }

  /** `packageDir`: where the package is unpacked. */
  dirs(id: string, packageDir: string): PluginDirs {
    const own = join(this.run, id);
    return {
      package: packageDir,
      state: this.stateDir(id),
      run: join(own, 'files'),
      socket: socketDirectory(join(own, 'socket'), CONTROL_SOCKETS[1]),
      api: this.apiDir,
    };
  }

  /** The plugin's token; kept, so that a running plugin stays welcome after a restart of the host. */
  token(id: string): string {
    const file = join(this.run, id, 'files', 'token');
    try {
      const token = readFileSync(file, 'utf8').trim();
      if (token.length === 64) return token;
    } catch {
      // none yet
    }
    return randomBytes(32).toString('hex');
  }

  /** What a plugin needed to run; its state and its log stay. */
  forget(id: string): void {
    rmSync(join(this.run, `${id}.json`), { force: true });
    rmSync(join(this.run, id), { recursive: true, force: true });
    rmSync(this.dirs(id, '').socket, { recursive: true, force: true });
  }

  /** Removes what was unpacked of all other versions. */
  keepVersions(kept: readonly { readonly id: string; readonly version: string }[]): void {
    for (const id of readdirSync(this.plugins)) {
      if (id === 'node_modules' || id.startsWith('.')) continue;
      const versions = kept.filter((one) => one.id === id).map(({ version }) => version);
      for (const name of readdirSync(join(this.plugins, id)))
        if (name !== 'state' && !versions.includes(name))
          rmSync(join(this.plugins, id, name), { recursive: true, force: true });
    }
  }
}
