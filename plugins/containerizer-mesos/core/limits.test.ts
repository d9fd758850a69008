import { describe, expect, test } from 'vitest';
import { cpuLimitMilli, memLimitMib, settingsV1, settingsV2 } from './limits.js';

const asMap = (settings: ReturnType<typeof settingsV1>) => Object.fromEntries(settings.map((s) => [s.file, s.value]));
const off = { cfs: false };

describe('cgroup v1', () => {
  test('1024 shares per cpu, a hard bound on memory, and no bound on idle cpus', () => {
    const set = asMap(settingsV1({ cpusMilli: 1500, memMib: 128 }, off));
    expect(set['cpu.shares']).toBe('1536');
    expect(set['memory.limit_in_bytes']).toBe(String(128 << 20));
    expect(set['cpu.cfs_quota_us']).toBeUndefined();
  });

  test('what is revocable has hardly a share', () => {
    const resources = { cpusMilli: 3000, revocableCpusMilli: 2000, memMib: 32 };
    expect(asMap(settingsV1(resources, off))['cpu.shares']).toBe('1044');
    expect(asMap(settingsV2(resources, off))['cpu.weight']).toBe('102');
  });

  test('small wishes are raised to what a container needs', () => {
    const set = asMap(settingsV1({ cpusMilli: 1, memMib: 1, limits: { cpusMilli: 1 } }, off));
    expect(set).toMatchObject({
      'cpu.shares': '2',
      'cpu.cfs_quota_us': '1000',
      'memory.limit_in_bytes': String(32 << 20),
    });
  });

  test('a limit on cpus is a quota, which cfs makes the rule', () => {
    const limited = settingsV1({ cpusMilli: 500, memMib: 64, limits: { cpusMilli: 2000 } }, off);
    expect(asMap(limited)['cpu.cfs_quota_us']).toBe('200000');
    expect(asMap(settingsV1({ cpusMilli: 500, memMib: 64 }, { cfs: true }))['cpu.cfs_quota_us']).toBe('50000');
  });

  test('unlimited sets no bound, whatever cfs says', () => {
    const resources = { cpusMilli: 500, memMib: 64, limits: { cpusMilli: 'unlimited', memMib: 'unlimited' } } as const;
    const set = asMap(settingsV1(resources, { cfs: true }));
    expect(set['cpu.cfs_quota_us']).toBeUndefined();
    expect(set['memory.limit_in_bytes']).toBeUndefined();
    expect(cpuLimitMilli(resources, { cfs: true })).toBeUndefined();
    expect(memLimitMib(resources)).toBeUndefined();
  });
});

test('cgroup v2 says the same in its own words', () => {
  const set = asMap(settingsV2({ cpusMilli: 1500, memMib: 128, limits: { cpusMilli: 2000, memMib: 256 } }, off));
  expect(set).toMatchObject({
    'cpu.weight': '150',
    'cpu.max': '200000 100000',
    'memory.low': String(128 << 20),
    'memory.max': String(256 << 20),
    'memory.oom.group': '1',
  });
  expect(asMap(settingsV2({ cpusMilli: 1, memMib: 1 }, off))['cpu.weight']).toBe('1');
  expect(asMap(settingsV2({ cpusMilli: 500_000, memMib: 1 }, off))['cpu.weight']).toBe('10000');
});
