import { expect, test } from 'vitest';
import { MachineLoop } from './loop.js';

type Effect = { write: string } | { send: string };
const echo = { step: (_: object, effects: Effect[]) => effects };

function harness() {
  const log: string[] = [];
  const land = new Map<string, () => void>();
  const fatal: unknown[] = [];
  const loop = new MachineLoop<object, Effect[], Effect>(
    echo,
    {},
    { nowMs: () => 1, after: () => () => {} },
    (e) => 'write' in e,
    (e) => {
      if ('send' in e) return void log.push(e.send);
      log.push(`start ${e.write}`);
      return new Promise<void>((resolve) => land.set(e.write, resolve));
    },
    (error) => fatal.push(error),
  );
  return { loop, log, land: async (name: string) => (land.get(name)!(), await new Promise((r) => setImmediate(r))) };
}

test('a send after a write waits for it and for all earlier writes', async () => {
  const { loop, log, land } = harness();
  loop.dispatch([{ send: 'a' }, { write: '1' }, { send: 'b' }, { write: '2' }, { send: 'c' }]);
  expect(log).toEqual(['a', 'start 1', 'start 2']);
  await land('2');
  expect(log).toEqual(['a', 'start 1', 'start 2']);
  await land('1');
  expect(log).toEqual(['a', 'start 1', 'start 2', 'b', 'c']);
});

test('what waits for one write after the other goes in order, part by part', async () => {
  const { loop, log, land } = harness();
  const part = (write: string) => [{ write }, ...Array.from({ length: 9 }, (_, i) => ({ send: `${write}.${i}` }))];
  const writes = ['1', '2', '3', '4'];
  loop.dispatch(writes.flatMap(part));
  for (const write of writes) await land(write);
  loop.dispatch(part('5'));
  await land('5');
  const sent = [...writes, '5'].flatMap((write) => part(write).flatMap((one) => ('send' in one ? [one.send] : [])));
  expect(log.filter((line) => !line.startsWith('start'))).toEqual(sent);
});

test('after stop nothing more is carried out', async () => {
  const { loop, log, land } = harness();
  loop.dispatch([{ write: '1' }, { send: 'b' }]);
  loop.stop();
  await land('1');
  loop.dispatch([{ send: 'c' }]);
  expect(log).toEqual(['start 1']);
});
