import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { FakeIsolator, isolatorSuite, type Law } from '@mezzo/sdk/testing';
import { describe, it } from 'vitest';
import { PrivateTmp } from '../../examples/private-tmp/private-tmp.js';

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

describe('examples/private-tmp', () =>
  check(
    isolatorSuite({
      create: async (home) => {
        const isolator = new PrivateTmp({ dir: join(home, 'containers'), sizeMib: 8, checkMs: 10 });
        return { isolator, stop: async () => isolator.close() };
      },
      residue: async (home) => readdirSync(join(home, 'containers')),
    }),
  ));
