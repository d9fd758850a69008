import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { bundle } from '../support/bundle.js';
import { cgroupV2Laws } from '../support/cgroup-v2-laws.js';
import { guestLack, runInGuest } from '../support/guest.js';
import { describeIf } from '../support/skip.js';

interface Told {
  readonly title: string;
  readonly ms: number;
  readonly broken?: string;
}

const GUEST_TIMEOUT_MS = 20 * 60_000;
/** An emulated processor is some twenty times slower. */
const PATIENCE = process.env.MEZZO_TEST_PATIENCE ?? '10';
const laws = cgroupV2Laws();

describeIf(await guestLack(), 'containerizer-mesos on a machine with cgroup v2 alone', () => {
  let console: string[] = [];
  const told = new Map<string, Told>();

  beforeAll(async () => {
    const script = await bundle('tests/support/guest-laws.ts');
    try {
      console = await runInGuest(script, { MEZZO_TEST_PATIENCE: PATIENCE }, GUEST_TIMEOUT_MS);
    } finally {
      rmSync(dirname(script), { recursive: true, force: true });
    }
    for (const line of console) {
      const [, json] = /^law (\{.*\})$/.exec(line) ?? [];
      if (json !== undefined) told.set((JSON.parse(json) as Told).title, JSON.parse(json) as Told);
    }
  }, GUEST_TIMEOUT_MS + 120_000);

  test('the machine starts, hands controllers down, and ends in order', () => {
    expect(console).toContainEqual(expect.stringMatching(/^guest \d+\.\d+.*: cpu memory/));
    expect(console).toContain('guest ends with 0');
  });

  test.each(laws.map(({ title }) => title))('%s', (title) => {
    const law = told.get(title);
    expect(law, `not told; the console ends with\n${console.slice(-20).join('\n')}`).toBeDefined();
    expect(law?.broken).toBeUndefined();
  });
});
