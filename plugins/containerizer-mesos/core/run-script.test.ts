import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { quote } from './quote.js';
import { runScript, type RunScript } from './run-script.js';

const tools = {
  ...{ env: '/usr/bin/env', setpriv: '/usr/bin/setpriv', unshare: '/usr/bin/unshare', nsenter: '/usr/bin/nsenter' },
  ...{
    timeout: '/usr/bin/timeout',
    tail: '/usr/bin/tail',
    setsid: '/usr/bin/setsid',
    mount: '/usr/bin/mount',
    script: '/usr/bin/script',
  },
};

let sandbox: string;
beforeAll(() => {
  sandbox = mkdtempSync(join(tmpdir(), "mezzo it's $a sandbox-"));
});
afterAll(() => rmSync(sandbox, { recursive: true, force: true }));

const script = (more: Partial<RunScript>): string =>
  runScript({ ...{ shell: false, argv: ['/bin/true'], env: {}, sandbox, cgroups: [], tools, mode: 'group' }, ...more });

/** Runs it as the shim does, and answers what the task saw, entry by entry. */
function run(more: Partial<RunScript>): string[] {
  rmSync(join(sandbox, 'stdout'), { force: true });
  const text = `ready() { :; }\nrefuse() { exit 125; }\n${script(more)}`;
  const file = join(sandbox, 'run');
  writeFileSync(file, text);
  const { status } = spawnSync('/bin/sh', [file], { env: { PATH: '/usr/bin:/bin' } });
  expect(status).toBe(0);
  return readFileSync(join(sandbox, 'stdout'), 'utf8').split('\0').slice(0, -1);
}

/** Shells other than dash export some more. */
const OF_THE_SHELL = /^(PATH|SHLVL|PWD|_)=/;

/** Everything but the zero byte, and what UTF-8 cannot say. */
const text = fc.string({ unit: 'binary', maxLength: 40 }).map((s) => s.replaceAll(/\0|\p{Surrogate}/gu, ''));

describe('what a task gets', () => {
  test('no text is anything but text to the shell', () => {
    fc.assert(
      fc.property(text, (value) => {
        const { stdout } = spawnSync('/bin/sh', ['-c', `printf '%s.' ${quote(value)}`], { encoding: 'utf8' });
        expect(stdout).toBe(`${value}.`);
      }),
      { numRuns: 60 },
    );
  });

  test('arguments and environment arrive byte by byte, whatever their names', () => {
    const names = fc.constantFrom('A', 'a.b', 'x-y', 'IFS', 'PPID', 'OPTIND', 'LC_ALL', 'ä', 'dir', 'id', 'PS4', '1');
    fc.assert(
      fc.property(fc.array(text, { maxLength: 3 }), fc.dictionary(names, text, { maxKeys: 4 }), (args, env) => {
        expect(run({ argv: ['/usr/bin/printf', '%s\\0', ...args, 'end'], env })).toEqual([...args, 'end']);
        const seen = run({ argv: ['/usr/bin/env', '-0'], env }).filter((entry) => !OF_THE_SHELL.test(entry));
        const sent = Object.entries({ ...env, MESOS_SANDBOX: sandbox }).map(([name, value]) => `${name}=${value}`);
        expect(seen.sort()).toEqual(sent.sort());
      }),
      { numRuns: 40 },
    );
  });

  test('the sandbox is where it is and what MESOS_SANDBOX says', () => {
    expect(run({ shell: true, argv: ['printf "%s\\0" "$MESOS_SANDBOX" "$(pwd)"'] })).toEqual([sandbox, sandbox]);
  });
});

describe('what exec cannot take is refused before anything runs', () => {
  const refused = expect.objectContaining({ code: 'CONTAINER_LAUNCH_FAILED', blame: 'user' });

  test.each([
    ['a zero byte', { argv: ['/bin/true', 'a\0b'] }],
    ['an argument over 128 KiB', { argv: ['/bin/true', 'x'.repeat(131_072)] }],
    ['two megabytes in all', { argv: ['/bin/true', ...Array<string>(20).fill('ä'.repeat(60_000))] }],
    ['a name with =', { env: { 'a=b': 'c' } }],
    ['an empty name', { env: { '': 'c' } }],
  ])('%s', (_, more) => {
    expect(() => script(more)).toThrow(refused);
  });
});
