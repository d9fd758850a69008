import { expect, test } from 'vitest';
import { token } from '../contract/index.js';
import { inject, injectable, RootContainer } from './di.js';

const GREETING = token<string>('service/greeting');
const SECRET = token<{ key: string }>('service/secret');
const SHOUT = token<Shout>('test/shout');
const POINT = token<number>('point/numbers.v1');

// Decorators are applied by hand: test files belong to no tsconfig that the test runner would read `experimentalDecorators` from.
class Shout {
  constructor(readonly greeting: string) {}
}
inject(GREETING)(Shout, undefined, 0);
injectable()(Shout);

class Thief {
  constructor(readonly secret: { key: string }) {}
}
inject(SECRET)(Thief, undefined, 0);
injectable()(Thief);

class Confused {
  constructor(readonly greeting: number) {}
}
// @ts-expect-error a token of another type than the parameter's does not compile
inject(GREETING)(Confused, undefined, 0);

const plugin = () =>
  new RootContainer()
    .value(GREETING, 'hello')
    .value(SECRET, { key: 'x' })
    .forPlugin('p', (t) => t === GREETING);

test('a class gets what its parameters name, and lives once', () => {
  const container = plugin();
  container.bind(SHOUT, { useClass: Shout });
  expect(container.resolve(SHOUT).greeting).toBe('hello');
  expect(container.resolve(SHOUT)).toBe(container.resolve(SHOUT));
});

test('a service that was not declared is refused, directly and through a constructor', () => {
  const container = plugin();
  const thief = token<Thief>('test/thief');
  container.bind(thief, { useClass: Thief });
  for (const wanted of [SECRET, thief])
    expect(() => container.resolve(wanted as typeof thief)).toThrow(
      expect.objectContaining({ code: 'PLUGIN_NOT_DECLARED', next: expect.stringContaining('"secret"') }),
    );
});

test('an unknown token and a class in place of a token are refused', () => {
  expect(() => plugin().resolve(token('test/nothing'))).toThrow(expect.objectContaining({ code: 'PLUGIN_NOT_BOUND' }));
  expect(() => plugin().resolve(Confused as never)).toThrow(expect.objectContaining({ code: 'PLUGIN_TOKEN_INVALID' }));
});

test('siblings do not see each other', () => {
  const root = new RootContainer();
  const [a, b] = [root.forPlugin('a', () => true), root.forPlugin('b', () => true)];
  a.bind(GREETING, { useFactory: () => 'mine' });
  expect(a.resolve(GREETING)).toBe('mine');
  expect(() => b.resolve(GREETING)).toThrow(expect.objectContaining({ code: 'PLUGIN_NOT_BOUND' }));
});

test('any number of contributions share a point', () => {
  const container = plugin();
  expect(container.resolveAll(POINT)).toEqual([]);
  container.contribute(POINT, { useValue: 1 });
  container.contribute(POINT, { useFactory: (resolve) => resolve(GREETING).length });
  expect(container.resolveAll(POINT)).toEqual([1, 5]);
});

test('a binding cannot be replaced, nor a service of the host', () => {
  const container = plugin();
  container.bind(SHOUT, { useClass: Shout });
  for (const taken of [SHOUT, GREETING])
    expect(() => container.bind(taken as typeof GREETING, { useValue: 'mine' })).toThrow(
      expect.objectContaining({ code: 'PLUGIN_BOUND_TWICE' }),
    );
});
