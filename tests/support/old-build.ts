import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../tidy/sources.js';

const WORKSPACES = '@mezzo';
const git = (...args: string[]) => spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' });

/** Commit that an upgrade starts from: `MEZZO_UPGRADE_FROM`, else the last one that is not what lies here. Undefined without git. */
export function oldCommit(): string | undefined {
  const isChanged = git('status', '--porcelain', '--untracked-files=no').stdout?.trim() !== '';
  const revision = process.env.MEZZO_UPGRADE_FROM ?? (isChanged ? 'HEAD' : 'HEAD~1');
  const { status, stdout } = git('rev-parse', '--verify', '--quiet', `${revision}^{commit}`);
  return status === 0 ? stdout.trim() : undefined;
}

/** Builds it in a folder of its own, which the caller removes: workspaces are its own, dependencies those of this checkout. */
export function buildCommit(commit: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'mezzo-old-'));
  const archive = execFileSync('git', ['-C', root, 'archive', commit], { maxBuffer: 256 << 20 });
  execFileSync('tar', ['-x', '-C', dir], { input: archive });
  linkDependencies(dir);
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: dir, stdio: ['ignore', 'ignore', 'inherit'] });
  return dir;
}

function linkDependencies(dir: string): void {
  const from = join(root, 'node_modules');
  const to = join(dir, 'node_modules');
  mkdirSync(join(to, WORKSPACES), { recursive: true });
  for (const name of readdirSync(from)) if (name !== WORKSPACES) symlinkSync(join(from, name), join(to, name));
  for (const name of readdirSync(join(from, WORKSPACES))) {
    // Relative, so that it leads to the sources beside it: ../../sdk
    const link = readlinkSync(join(from, WORKSPACES, name));
    symlinkSync(link, join(to, WORKSPACES, name));
    const own = join(link, 'node_modules');
    const here = join(from, WORKSPACES, own);
    if (existsSync(here) && existsSync(join(to, WORKSPACES, link))) symlinkSync(here, join(to, WORKSPACES, own));
  }
}
