import { expect, test } from 'vitest';
import type { Leadership } from '../../ports/coordination.js';
import { MasterDetector } from './master-detector.js';

function watched(): { detector: MasterDetector; lead: (id: string | undefined, ip?: string) => void } {
  const listeners = new Set<(leadership: Leadership) => void>();
  const detector = new MasterDetector({
    watch: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
    close: () => Promise.resolve(),
  });
  const lead = (id: string | undefined, ip = '10.0.0.1'): void => {
    const address = { hostname: 'm', ip, port: 5050 };
    const leader = id === undefined ? undefined : { id, ip: 0, port: 5050, hostname: 'm', address };
    for (const listener of listeners) listener({ leader, elected: false });
  };
  return { detector, lead };
}

test('a master that was given is the one', async () => {
  const detector = new MasterDetector('[::1]:5050');
  expect(detector.leader).toEqual({ hostPort: '[::1]:5050', hostname: '[::1]' });
  expect(await detector.find(0)).toBe(detector.leader);
});

test('only another master is news, and the last one known stays while nobody leads', () => {
  const { detector, lead } = watched();
  const found: (string | undefined)[] = [];
  detector.onFound(() => found.push(detector.leader?.hostPort));
  lead('a');
  lead(undefined);
  expect(detector.leader?.hostPort).toBe('10.0.0.1:5050');
  lead('a');
  lead('b', '::2');
  expect(found).toEqual(['10.0.0.1:5050', '[::2]:5050']);
});

test('who waits for one is answered when it is found, or when the time is over', async () => {
  const { detector, lead } = watched();
  expect(await detector.find(1)).toBeUndefined();
  const finding = detector.find(60_000);
  lead('a');
  expect((await finding)?.hostname).toBe('m');
});
