import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Law } from '../../sdk/testing/containerizer-suite.js';
import { bundle } from './bundle.js';
import { runInGuest, type Machine } from './guest.js';

interface Told {
  readonly title: string;
  readonly ms: number;
  readonly broken?: string;
}

/** An emulated processor is some twenty times slower. */
const PATIENCE = process.env.MEZZO_TEST_PATIENCE ?? '10';

/** A test for each law: all are kept in one guest, by `tests/support/guest-laws.ts`. `starts` is a line of its console. */
export function guestSuite(
  machine: Machine,
  name: string,
  laws: readonly Law[],
  starts: RegExp,
  timeoutMs: number,
): void {
  let console: string[] = [];
  const told = new Map<string, Told>();

  beforeAll(async () => {
    const script = await bundle('tests/support/guest-laws.ts');
    const env = {
      MEZZO_TEST_PATIENCE: PATIENCE,
      MEZZO_LAWS: name,
      ...(process.env.MEZZO_LAW && { MEZZO_LAW: process.env.MEZZO_LAW }),
    };
    try {
      console = await runInGuest(machine, script, env, timeoutMs);
    } finally {
      rmSync(dirname(script), { recursive: true, force: true });
    }
    for (const line of console) {
      const [, json] = /^law (\{.*\})$/.exec(line) ?? [];
      if (json !== undefined) told.set((JSON.parse(json) as Told).title, JSON.parse(json) as Told);
    }
  }, timeoutMs + 120_000);

  test('the machine starts, and ends in order', () => {
    expect(console).toContainEqual(expect.stringMatching(starts));
    expect(console).toContain('guest ends with 0');
  });

  test.each(laws.map(({ title }) => title))('%s', (title) => {
    const law = told.get(title);
    expect(law, `not told; the console ends with\n${console.slice(-20).join('\n')}`).toBeDefined();
    expect(law?.broken).toBeUndefined();
  });
}
