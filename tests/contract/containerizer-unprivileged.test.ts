import { execFile } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundle } from '../support/bundle.js';

const NOBODY = 65534;
const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];

interface Report {
  readonly uid: number;
  readonly mode: string;
  readonly notes: readonly string[];
  readonly kept: number;
  readonly broken: readonly string[];
}

let laws: string;

async function report(mode: string): Promise<Report> {
  const [program = '', ...args] = [...(process.getuid?.() === 0 ? asNobody : []), process.execPath, laws, mode];
  const { stdout } = await promisify(execFile)(program, args, { cwd: '/tmp', env: { PATH: process.env.PATH } });
  return JSON.parse(stdout) as Report;
}

describe('containerizer-mesos without root', () => {
  beforeAll(async () => {
    laws = await bundle('tests/support/mesos-laws.ts');
    chmodSync(dirname(laws), 0o755);
  });
  afterAll(() => rmSync(dirname(laws), { recursive: true, force: true }));

  test.each(['namespaces', 'group'])('every law is kept with what the machine allows (%s)', async (wanted) => {
    const { uid, mode, notes, kept, broken } = await report(wanted);
    expect(broken).toEqual([]);
    expect(kept).toBeGreaterThan(20);
    expect(uid).not.toBe(0);
    expect(mode).toBe(wanted === 'group' || mode === 'group' ? 'group' : 'user-namespaces');
    expect(notes.join()).toMatch(/process groups|user namespaces|agent's user|switched off/);
  });
});
