import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CgroupsV1 } from './cgroups-v1.js';
import { CgroupsV2 } from './cgroups-v2.js';

const RESOURCES = { cpusMilli: 2000, memMib: 64, limits: { cpusMilli: 3000 } };
const OPTIONS = { cfs: false };

let mount: string;
beforeEach(() => {
  mount = mkdtempSync(join(tmpdir(), 'mezzo-cgroup-'));
});
afterEach(() => rmSync(mount, { recursive: true, force: true }));

const read = (...path: string[]) => readFileSync(join(mount, ...path), 'utf8');
/** The kernel's files vanish with their directory; here a test has to. */
const empty = (dir: string) => readdirSync(dir).forEach((name) => unlinkSync(join(dir, name)));

describe('cgroup v2, on a directory that looks like it', () => {
  const dir = () => join(mount, 'mezzo', 'o', 'c');

  test('a container is one directory with its bounds, below parents that hand the controllers down', async () => {
    await new CgroupsV2(mount).create('o', 'c', RESOURCES, OPTIONS);
    for (const parent of ['.', 'mezzo', 'mezzo/o']) expect(read(parent, 'cgroup.subtree_control')).toBe('+cpu +memory');
    expect(read('mezzo/o/c/cpu.weight')).toBe('200');
    expect(read('mezzo/o/c/cpu.max')).toBe('300000 100000');
    expect(read('mezzo/o/c/memory.max')).toBe(String(64 << 20));
    expect(new CgroupsV2(mount).joinFiles('o', 'c')).toEqual([join(dir(), 'cgroup.procs')]);
    expect(await new CgroupsV2(mount).list('o')).toEqual(['c']);
  });

  test('what it used and why it died is read from its files', async () => {
    const cgroups = new CgroupsV2(mount);
    await cgroups.create('o', 'c', RESOURCES, OPTIONS);
    const files = {
      'cpu.stat': 'usage_usec 2500000\nuser_usec 1500000\nsystem_usec 1000000\nnr_throttled 3\nthrottled_usec 500000\n',
      'memory.stat': 'anon 4096\nfile 8192\n',
      'memory.current': '16384\n',
      'cgroup.procs': '12\n13\n',
      'memory.events': 'low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\n',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir(), name), text);
    expect(await cgroups.usage('o', 'c')).toEqual({
      ...{ cpusUserTimeSecs: 1.5, cpusSystemTimeSecs: 1, cpusNrThrottled: 3, cpusThrottledTimeSecs: 0.5 },
      ...{ memTotalBytes: 16384, memRssBytes: 4096, memAnonBytes: 4096, memFileBytes: 8192, memCacheBytes: 8192 },
      processes: 2,
    });
    expect(await cgroups.outOfMemory('o', 'c')).toBe(false);
    writeFileSync(join(dir(), 'memory.events'), 'oom 1\noom_kill 1\n');
    expect(await cgroups.outOfMemory('o', 'c')).toBe(true);
  });

  test('a share follows what is asked for, a bound on memory is only raised', async () => {
    const cgroups = new CgroupsV2(mount);
    await cgroups.create('o', 'c', { cpusMilli: 1000, memMib: 64 }, OPTIONS);
    await cgroups.update('o', 'c', { cpusMilli: 500, memMib: 96 }, OPTIONS);
    expect([read('mezzo/o/c/cpu.weight'), read('mezzo/o/c/memory.max')]).toEqual(['50', String(96 << 20)]);
    await cgroups.update('o', 'c', { cpusMilli: 500, memMib: 32 }, OPTIONS);
    expect([read('mezzo/o/c/memory.low'), read('mezzo/o/c/memory.max')]).toEqual([String(32 << 20), String(96 << 20)]);
  });

  test('it is ended as a whole by the kernel and then removed', async () => {
    const cgroups = new CgroupsV2(mount);
    await cgroups.create('o', 'c', RESOURCES, OPTIONS);
    writeFileSync(join(dir(), 'cgroup.kill'), '');
    const kernel = setInterval(() => {
      if (existsSync(join(dir(), 'cgroup.kill')) && read('mezzo/o/c/cgroup.kill') === '1') empty(dir());
    }, 1);
    await cgroups.destroy('o', 'c').finally(() => clearInterval(kernel));
    expect(existsSync(dir())).toBe(false);
    await cgroups.destroy('o', 'c');
  });
});

describe('cgroup v1, on directories that look like it', () => {
  test('controllers that share a hierarchy share the directory', async () => {
    const [cpu, memory] = [join(mount, 'cpu,cpuacct'), join(mount, 'memory')];
    mkdirSync(cpu);
    mkdirSync(memory);
    const cgroups = new CgroupsV1({ cpu, cpuacct: cpu, memory });
    await cgroups.create('o', 'c', RESOURCES, OPTIONS);
    expect(read('cpu,cpuacct/mezzo/o/c/cpu.shares')).toBe('2048');
    expect(read('cpu,cpuacct/mezzo/o/c/cpu.cfs_quota_us')).toBe('300000');
    expect(read('memory/mezzo/o/c/memory.limit_in_bytes')).toBe(String(64 << 20));
    await cgroups.update('o', 'c', { cpusMilli: 1000, memMib: 32 }, OPTIONS);
    expect(read('cpu,cpuacct/mezzo/o/c/cpu.shares')).toBe('1024');
    expect(read('memory/mezzo/o/c/memory.limit_in_bytes')).toBe(String(64 << 20));
    expect(cgroups.joinFiles('o', 'c')).toHaveLength(2);
    expect(await cgroups.list('o')).toEqual(['c']);
  });
});

test('cgroups that a container made inside its own go with it', async () => {
  const cgroups = new CgroupsV2(mount);
  mkdirSync(join(mount, 'mezzo/o/c/inner/innermost'), { recursive: true });
  await cgroups.destroy('o', 'c');
  expect(await cgroups.list('o')).toEqual([]);
});
