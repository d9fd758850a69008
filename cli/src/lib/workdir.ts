import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Where everything of one cluster lives on this machine. The layout is in docs/ARCHITECTURE.md. */
export class WorkDir {
  readonly path: string;

  constructor(path = process.env.MEZZO_WORK_DIR ?? join(homedir(), '.mezzo')) {
    this.path = resolve(path);
  }

  at(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  get cluster(): ClusterFile | undefined {
    return readJson<ClusterFile>(this.at('cluster.json'));
  }

  get secrets(): string {
    return this.at('secrets');
  }

  get supervisorFile(): string {
    return this.at('run', 'supervisor.json');
  }

  daemonFile(name: string): string {
    return this.at('run', 'daemons', `${name}.json`);
  }

  logFile(name: string): string {
    return this.at('logs', `${name}.log`);
  }
}

/** `cluster.json`, 0600: how clients on this machine find the cluster. */
export interface ClusterFile {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly routerUrl: string;
  readonly masterUrl: string;
  /** All of them, where there are several. */
  readonly masterUrls?: readonly string[];
  readonly agents: number;
  readonly portOffset: number;
}

export function readJson<T>(file: string): T | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return undefined; // torn by a crash: as good as missing
  }
}

/** Every JSON file of a directory that can be read; none where there is no directory. */
export function readJsonFiles<T>(dir: string): T[] {
  const names = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.json')) : [];
  return names.map((name) => readJson<T>(join(dir, name))).filter((value) => value !== undefined);
}

export function writeJson(file: string, value: unknown, mode = 0o600): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeWhole(file, `${JSON.stringify(value, null, 2)}\n`, mode);
}

/** At once or not at all. */
export function writeWhole(file: string, bytes: string | Uint8Array, mode = 0o666): void {
  const temp = `${file}.${process.pid}.tmp`;
  writeFileSync(temp, bytes, { mode });
  renameSync(temp, file);
}

export function removeFile(file: string): void {
  rmSync(file, { force: true });
}
