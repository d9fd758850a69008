import type { Resource } from '@mezzo/sdk/api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attributesSummary, parseAttributes } from './attributes.js';
import { Resources } from './resources.js';
import { isWithinRole, roleError } from './roles.js';

const plain = fc.record({
  name: fc.constantFrom('cpus', 'mem', 'zeta'),
  type: fc.constant('SCALAR' as const),
  scalar: fc.record({ value: fc.integer({ min: 0, max: 3000 }).map((milli) => milli / 1000) }),
});
const ports = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 9 })), { maxLength: 4 })
  .map((list): Resource => {
    const range = list.map(([begin, size]) => ({ begin, end: begin + size }));
    return { name: 'ports', type: 'RANGES', ranges: { range } };
  });
const items = fc
  .uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'))
  .map((item): Resource => ({ name: 'nics', type: 'SET', set: { item } }));
const volume = fc.tuple(fc.constantFrom('v1', 'v2'), fc.boolean()).map(([id, shared]): Resource => ({
  name: 'disk',
  type: 'SCALAR',
  scalar: { value: 8 },
  disk: { persistence: { id } },
  reservations: [{ type: 'DYNAMIC', role: 'web' }],
  ...(shared ? { shared: {} } : {}),
}));
const stack = fc.constantFrom<Partial<Resource>>(
  {},
  { role: 'web' },
  { reservations: [{ type: 'STATIC', role: 'web' }] },
  {
    reservations: [
      { type: 'STATIC', role: 'web' },
      { type: 'DYNAMIC', role: 'web/a', principal: 'p' },
    ],
  },
  { revocable: {} },
  { allocationInfo: { role: 'web' } },
);
const resource: fc.Arbitrary<Resource> = fc.oneof(
  fc.tuple(fc.oneof(plain, ports, items), stack).map(([message, extra]): Resource => ({ ...message, ...extra })),
  volume,
);
const bag = fc.array(resource, { maxLength: 8 }).map((messages) => Resources.of(messages));

describe('resources form an algebra', () => {
  it('addition commutes and associates', () => {
    fc.assert(
      fc.property(bag, bag, bag, (a, b, c) => {
        expect(a.add(b).entries).toEqual(b.add(a).entries);
        expect(
          a
            .add(b)
            .add(c)
            .equals(a.add(b.add(c))),
        ).toBe(true);
      }),
    );
  });

  it('what was added can be taken away again', () => {
    // Of ranges and sets, only what is disjoint adds up: a port is there or not.
    fc.assert(
      fc.property(bag, bag, (a, b) => {
        const disjoint = b.subtract(a);
        const onlyNew = disjoint.filter((id) => id.type !== 'SCALAR').add(b.filter((id) => id.type === 'SCALAR'));
        expect(a.add(onlyNew).subtract(onlyNew).equals(a)).toBe(true);
      }),
    );
  });

  it('containment is a partial order that addition keeps', () => {
    fc.assert(
      fc.property(bag, bag, bag, (a, b, c) => {
        expect(a.contains(a) && a.add(b).contains(a) && a.add(b).contains(b)).toBe(true);
        expect(a.contains(a.subtract(b))).toBe(true);
        if (a.contains(b) && b.contains(a)) expect(a.equals(b)).toBe(true);
        if (a.contains(b) && b.contains(c)) expect(a.contains(c)).toBe(true);
      }),
    );
  });

  it('a part and its rest make the whole', () => {
    fc.assert(
      fc.property(bag, bag, (a, b) => {
        const rest = a.subtract(b);
        if (a.contains(b)) expect(rest.add(b).equals(a)).toBe(true);
        expect(rest.entries.every(({ amount }) => (typeof amount === 'number' ? amount > 0 : amount.length > 0))).toBe(
          true,
        );
      }),
    );
  });

  it('equal bags have one form, however they were put together', () => {
    fc.assert(
      fc.property(fc.array(resource, { maxLength: 8 }), (messages) => {
        const oneByOne = messages.reduceRight((all, message) => Resources.of([message]).add(all), Resources.empty);
        expect(oneByOne.toMessages()).toEqual(Resources.of(messages).toMessages());
      }),
    );
  });

  it('messages of every format read back the same, shared copies apart', () => {
    fc.assert(
      fc.property(bag, (a) => {
        const once = a.filter((id) => !id.shared);
        for (const format of ['post', 'pre', 'both'] as const) {
          expect(Resources.of(once.toMessages(format)).equals(once)).toBe(true);
        }
      }),
    );
  });

  it('allocating and unallocating changes no amount', () => {
    fc.assert(
      fc.property(bag, (a) => {
        const free = a.unallocate();
        expect(free.allocate('x').unallocate().equals(free)).toBe(true);
        expect(free.allocate('x').quantities()).toEqual(free.quantities());
      }),
    );
  });
});

describe('what cannot be split', () => {
  const mount = (size: number): Resource => ({
    name: 'disk',
    type: 'SCALAR',
    scalar: { value: size },
    disk: { source: { type: 'MOUNT', mount: { root: '/m' } } },
  });

  it('a whole disk is no part of a larger one', () => {
    expect(Resources.of([mount(10)]).contains(Resources.of([mount(5)]))).toBe(false);
    expect(Resources.of([mount(10), mount(10)]).toMessages()).toHaveLength(2);
    expect(Resources.of([mount(10), mount(10)]).scalar('disk')).toBe(20_000);
  });

  it('the use of a volume is no part of what it is', () => {
    const of = (containerPath: string): Resource => ({
      ...{ name: 'disk', type: 'SCALAR', scalar: { value: 1 }, role: 'web' },
      disk: { persistence: { id: 'v' }, volume: { mode: 'RW', containerPath } },
    });
    expect(Resources.of([of('a')]).equals(Resources.of([of('b')]))).toBe(true);
    expect(Resources.of([of('b')]).toMessages()[0]?.disk?.volume?.containerPath).toBe('b');
  });
});

describe('roles', () => {
  const all = Resources.parse('cpus:1;cpus(a):2;cpus(a/b):4;cpus(c):8;ports:[1-2]');

  it('get the unreserved and what is reserved for them or an ancestor', () => {
    expect(all.offerableTo('a/b').scalar('cpus')).toBe(7000);
    expect(all.offerableTo('a').scalar('cpus')).toBe(3000);
    expect(all.offerableTo('*').scalar('cpus')).toBe(1000);
    expect(all.reserved('a').scalar('cpus')).toBe(2000);
    expect(all.reserved().scalar('cpus')).toBe(14_000);
    expect([...all.reservations().keys()].sort()).toEqual(['a', 'a/b', 'c']);
    expect(isWithinRole('ab', 'a')).toBe(false);
  });

  it.each(['', '/a', 'a/', 'a//b', '.', 'a/..', '*/a', '-a', 'a b', 'a\tb', Array(40).fill('a').join('/')])(
    '%j is no name of a role',
    (role) => expect(roleError(role)).toBeDefined(),
  );
  it.each(['*', 'a', 'a/b-c', 'a*'])('%j is a name of a role', (role) => expect(roleError(role)).toBeUndefined());
});

describe('output', () => {
  it('the older format has role and reservation, the newer a stack, the endpoints both', () => {
    const held = Resources.of([
      { name: 'cpus', type: 'SCALAR', scalar: { value: 1.5 }, role: 'web', reservation: { principal: 'p' } },
    ]);
    const stackOf = [{ type: 'DYNAMIC', role: 'web', principal: 'p' }];
    const base = { name: 'cpus', type: 'SCALAR', scalar: { value: 1.5 } };
    expect(held.toMessages('post')).toEqual([{ ...base, reservations: stackOf }]);
    expect(held.toMessages('pre')).toEqual([{ ...base, role: 'web', reservation: { principal: 'p' } }]);
    expect(held.toMessages('both')).toEqual([
      { ...base, role: 'web', reservation: { principal: 'p' }, reservations: stackOf },
    ]);
    expect(Resources.parse('cpus:1').toMessages('pre')[0]?.role).toBe('*');
    expect(Resources.parse('cpus:1').toMessages('post')[0]).not.toHaveProperty('role');
  });

  it('the flat form has numbers for scalars and text for the rest', () => {
    const all = Resources.parse('cpus:1.5;cpus(a):1;ports:[1-2,5-6];ports(a):[3-3];nics:{b,a}');
    const spare = Resources.of([{ name: 'cpus', type: 'SCALAR', scalar: { value: 2 }, revocable: {} }]);
    expect(all.add(spare).summary()).toEqual({
      ...{ cpus: 2.5, gpus: 0, mem: 0, disk: 0, ports: '[1-3, 5-6]', nics: '{a, b}', cpus_revocable: 2 },
    });
    expect(Resources.parse('mem:64;cpus(a):0.1').allocate('web').toString()).toBe(
      'cpus(allocated: web)(reservations: [(STATIC,a)]):0.1; mem(allocated: web):64',
    );
  });

  it('attributes come as numbers and text', () => {
    const attributes = parseAttributes('rack:r1;level:3;y:[1-5];z:{b,a}');
    expect(attributesSummary(attributes)).toEqual({ rack: 'r1', level: 3, y: '[1-5]', z: '{a, b}' });
  });
});

describe('untrusted resources are refused by name and part', () => {
  const cpus = (extra: Partial<Resource>): Resource => ({
    ...{ name: 'cpus', type: 'SCALAR', scalar: { value: 1 } },
    ...extra,
  });
  const cases: [Resource, string][] = [
    [cpus({ name: '' }), 'the name is empty'],
    [cpus({ name: 'c\u0001' }), 'control characters'],
    [cpus({ scalar: { value: -1 } }), 'is not a positive number'],
    [cpus({ scalar: { value: NaN } }), 'is not a positive number'],
    [cpus({ scalar: { value: Infinity } }), 'too large'],
    [{ name: 'cpus', type: 'SCALAR' }, 'cannot carry nothing'],
    [cpus({ type: 'RANGES' }), 'RANGES cannot carry scalar'],
    [cpus({ type: 'TEXT' }), 'not one of'],
    [cpus({ name: 'gpus', scalar: { value: 0.5 } }), 'whole number'],
    [{ name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 2, end: 1 }] } }, 'ends before it begins'],
    [{ name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 2, end: 2n ** 60n }] } }, 'outside of'],
    [{ name: 'x', type: 'SET', set: { item: ['a', 'a'] } }, 'same item twice'],
    [cpus({ role: 'a b' }), 'whitespace'],
    [cpus({ reservation: {} }), "'*' cannot be dynamically reserved"],
    [cpus({ reservations: [{ role: 'a' }] }), 'has no type'],
    [
      cpus({
        reservations: [
          { type: 'STATIC', role: 'a' },
          { type: 'DYNAMIC', role: 'b' },
        ],
      }),
      'does not refine',
    ],
    [
      cpus({
        reservations: [
          { type: 'STATIC', role: 'a' },
          { type: 'STATIC', role: 'a/b' },
        ],
      }),
      'only the first',
    ],
    [cpus({ disk: {} }), 'only the scalar disk'],
    [cpus({ shared: {} }), 'only persistent volumes'],
    [cpus({ allocationInfo: { role: '..' } }), "cannot contain '..'"],
  ];
  it.each(cases.map(([message, why]) => ({ message, why })))('$why', ({ message, why }) =>
    expect(() => Resources.of([message])).toThrow(why),
  );
});
