import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freeOffsets } from '../support/cluster.js';
import { until } from '../support/poll.js';
import { pids, readProc } from '../support/proc.js';
import { describeIf } from '../support/skip.js';
import { root } from '../tidy/sources.js';

const UNITS = join(root, 'packaging/systemd');
/** As systemd listens: prints each message on a line. Perl, since Node has no such sockets and every Debian has it. */
const LISTEN = String.raw`use Socket; $| = 1; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($s, sockaddr_un($ARGV[0])) or die $!; print "listening\n";
while (defined(recv($s, my $m, 4096, 0))) { print "$m\n" }`;

const missing = (program: string): string | undefined =>
  spawnSync(program, ['--version']).status === 0 ? undefined : `no ${program}`;

describeIf(missing('systemd-notify') ?? missing('perl'), 'a daemon that systemd starts', () => {
  let dir: string;
  let said: string[];
  let offset: number;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'mezzo-systemd-'));
    [offset] = (await freeOffsets(1)) as [number];
    said = [];
    const perl = spawn('perl', ['-e', LISTEN, join(dir, 'notify')], { stdio: ['ignore', 'pipe', 'inherit'] });
    perl.stdout.setEncoding('utf8').on('data', (text: string) => said.push(...text.split('\n').filter(Boolean)));
    children.push(perl);
    await says('listening');
  });
  afterEach(async () => {
    for (const child of children.splice(0).reverse()) {
      child.kill('SIGTERM');
      await until('it has ended', () => child.exitCode !== null || child.signalCode !== null);
    }
    rmSync(dir, { recursive: true, force: true });
  });

  const says = (message: string) => until(`it says ${message}`, () => said.includes(message), 30_000);
  function start(daemon: 'master' | 'agent', args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const argv = [`${root}/kernel/dist/main/${daemon}.js`, `--work-dir=${dir}/${daemon}`, '--quiet', ...args];
    const child = spawn(process.execPath, argv, {
      env: { ...process.env, NOTIFY_SOCKET: join(dir, 'notify'), ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    children.push(child);
    return child;
  }
  const master = (env?: NodeJS.ProcessEnv) => start('master', [`--port=${5050 + offset}`], env);

  test('a master says that it is ready when it leads, and that it stops', async () => {
    const child = master();
    await says('READY=1');
    expect((await fetch(`http://127.0.0.1:${5050 + offset}/state-summary`)).status).toBe(200);
    await says('STATUS=leads');
    expect(said).not.toContain('WATCHDOG=1');
    child.kill('SIGINT');
    await says('STOPPING=1');
    await until('it has ended', () => child.exitCode === 0);
  });

  test('an agent says so when it serves, whether there is a master or not; nothing that it starts knows of systemd', async () => {
    const registry = `--plugins-registry=${root}/build/registry`;
    const child = start('agent', [`--port=${5051 + offset}`, `--master=127.0.0.1:${5050 + offset}`, registry]);
    await says('READY=1');
    expect((await fetch(`http://127.0.0.1:${5051 + offset}/health`)).status).toBe(200);
    const started = descendants(child.pid!);
    expect(started.length).toBeGreaterThan(1);
    const told = started.filter((pid) => readProc(pid, 'environ').includes('NOTIFY_SOCKET'));
    expect(told.map((pid) => readProc(pid, 'cmdline')).filter((line) => !/^$|systemd-notify/.test(line))).toEqual([]);
    child.kill('SIGTERM');
    await says('STOPPING=1');
  });

  test('one that is watched says that it lives, again and again, until it hangs', async () => {
    const child = master({ WATCHDOG_USEC: '200000' });
    const count = () => said.filter((one) => one === 'WATCHDOG=1').length;
    await until('it lives', () => count() >= 3, 30_000);
    child.kill('SIGSTOP');
    let last = -1;
    await until('it is silent', () => count() === last || void (last = count()), 10_000, 600);
    child.kill('SIGCONT');
    await until('it lives again', () => count() > last);
  });

  test('a watchdog that is for another process is not heard', async () => {
    master({ WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' });
    await says('STATUS=leads');
    expect(said).not.toContain('WATCHDOG=1');
  });
});

function descendants(pid: number): number[] {
  const children = pids()
    .map(Number)
    .filter((one) => Number(/\) \S (\d+)/.exec(readProc(one, 'stat'))?.[1]) === pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

describeIf(missing('systemd-analyze'), 'the units', () => {
  test('systemd finds nothing wrong with them', () => {
    const dir = mkdtempSync(join(tmpdir(), 'mezzo-units-'));
    const units = readdirSync(UNITS).filter((name) => name.endsWith('.service'));
    expect(units).toEqual(['mezzo-agent.service', 'mezzo-master.service']);
    for (const unit of units) {
      const text = readFileSync(join(UNITS, unit), 'utf8').replace('/usr/bin/node', process.execPath);
      expect(text).toContain(`/opt/mezzo/kernel/dist/main/${unit.slice('mezzo-'.length, -'.service'.length)}.js`);
      writeFileSync(join(dir, unit), text);
    }
    const verify = ['verify', '--man=no', ...units.map((unit) => join(dir, unit))];
    const { status, stdout, stderr } = spawnSync('systemd-analyze', verify, { encoding: 'utf8' });
    rmSync(dir, { recursive: true });
    expect([stdout, stderr, status]).toEqual(['', '', 0]);
  });
});
