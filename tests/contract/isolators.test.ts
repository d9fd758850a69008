import { FakeIsolator, isolatorSuite, type Law } from '@mezzo/sdk/testing';
import { describe, it } from 'vitest';

const check = (laws: readonly Law[]) =>
  laws.forEach(({ title, timeoutMs, run }) => it(title, { timeout: timeoutMs }, run));

describe('the fake', () => {
  const machines = new Map<string, Set<string>>();
  const kept = (home: string) => {
    if (!machines.has(home)) machines.set(home, new Set());
    return machines.get(home)!;
  };
  check(
    isolatorSuite({
      create: async (home) => ({ isolator: new FakeIsolator({ kept: kept(home) }) }),
      residue: async (home) => [...kept(home)],
    }),
  );
});
