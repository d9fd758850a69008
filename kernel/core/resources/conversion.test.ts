import type { OfferOperation, Resource } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { asGiven, conversionsOf } from './conversion.js';
import { Resources } from './resources.js';

const web = { type: 'DYNAMIC', role: 'web' } as const;
const disk = (value: number, more: Partial<Resource> = {}): Resource => ({
  ...{ name: 'disk', type: 'SCALAR', scalar: { value } },
  ...more,
});
const volume = (value: number, more: Partial<Resource> = {}): Resource =>
  disk(value, {
    reservations: [web],
    disk: { persistence: { id: 'v1' }, volume: { containerPath: 'data', mode: 'RW' } },
    ...more,
  });

const told = (operation: OfferOperation): string[] | string => {
  const all = conversionsOf(operation);
  return typeof all === 'string' ? all : all.map(({ from, to }) => `${String(from)} -> ${String(to)}`);
};

const VOLUME = 'disk(reservations: [(DYNAMIC,web)])[v1:data]';
const RESERVED = 'disk(reservations: [(DYNAMIC,web)])';

test('each operation turns resources into as much of another kind', () => {
  const reserved = disk(8, { reservations: [web] });
  const cases: [OfferOperation, string][] = [
    [{ type: 'RESERVE', reserve: { resources: [reserved] } }, `disk:8 -> ${RESERVED}:8`],
    [
      { type: 'RESERVE', reserve: { resources: [disk(8, { role: 'web', reservation: {} })] } },
      `disk:8 -> ${RESERVED}:8`,
    ],
    [{ type: 'UNRESERVE', unreserve: { resources: [reserved] } }, `${RESERVED}:8 -> disk:8`],
    [{ type: 'CREATE', create: { volumes: [volume(8)] } }, `${RESERVED}:8 -> ${VOLUME}:8`],
    [{ type: 'DESTROY', destroy: { volumes: [volume(8)] } }, `${VOLUME}:8 -> ${RESERVED}:8`],
    [
      { type: 'GROW_VOLUME', growVolume: { volume: volume(8), addition: reserved } },
      `${VOLUME}:8; ${RESERVED}:8 -> ${VOLUME}:16`,
    ],
    [
      { type: 'SHRINK_VOLUME', shrinkVolume: { volume: volume(8), subtract: { value: 3 } } },
      `${VOLUME}:8 -> ${VOLUME}:5; ${RESERVED}:3`,
    ],
  ];
  for (const [operation, expected] of cases) expect(told(operation)).toEqual([expected]);
});

test('a refined reservation is one more on the stack; with a source it takes the place of another', () => {
  const inner = { type: 'DYNAMIC', role: 'web/shop' } as const;
  const refined = disk(8, { reservations: [web, inner] });
  expect(told({ type: 'RESERVE', reserve: { resources: [refined] } })).toEqual([
    `${RESERVED}:8 -> disk(reservations: [(DYNAMIC,web),(DYNAMIC,web/shop)]):8`,
  ]);
  const other = disk(8, { reservations: [{ type: 'DYNAMIC', role: 'db' }] });
  expect(told({ type: 'RESERVE', reserve: { source: [other], resources: [refined] } })).toEqual([
    'disk(reservations: [(DYNAMIC,db)]):8 -> disk(reservations: [(DYNAMIC,web),(DYNAMIC,web/shop)]):8',
  ]);
  expect(told({ type: 'RESERVE', reserve: { source: [disk(9)], resources: [refined] } })).toContain(
    'not those of the source',
  );
});

test('what is no operation is refused, with the reason', () => {
  const mount: Resource['disk'] = {
    source: { type: 'MOUNT', mount: { root: '/m' } },
    persistence: { id: 'v' },
    volume: { containerPath: 'd', mode: 'RW' },
  };
  const fixed = { type: 'STATIC', role: 'web' } as const;
  const cases: [OfferOperation, string][] = [
    [{ type: 'RESERVE', reserve: { resources: [disk(1)] } }, 'disk:1 is not dynamically reserved'],
    [{ type: 'RESERVE', reserve: { resources: [disk(1, { reservations: [fixed] })] } }, 'is not dynamically reserved'],
    [{ type: 'RESERVE', reserve: { resources: [] } }, 'No resources'],
    [{ type: 'RESERVE', reserve: { resources: [disk(-1, { reservations: [web] })] } }, 'is not a positive number'],
    [{ type: 'RESERVE', reserve: { resources: [volume(1)] } }, 'must not be reserved'],
    [{ type: 'UNRESERVE', unreserve: { resources: [volume(1)] } }, 'cannot be unreserved'],
    [{ type: 'CREATE', create: { volumes: [disk(1, { reservations: [web] })] } }, "'persistence'"],
    [{ type: 'CREATE', create: { volumes: [volume(1, { reservations: [] })] } }, 'unreserved resources'],
    [{ type: 'CREATE', create: { volumes: [volume(1, { disk: { persistence: { id: 'v' } } })] } }, "'volume'"],
    [{ type: 'GROW_VOLUME', growVolume: { volume: volume(1), addition: disk(1) } }, 'Incompatible resources'],
    [{ type: 'GROW_VOLUME', growVolume: { volume: volume(1, { disk: mount }), addition: disk(1) } }, 'type MOUNT'],
    [{ type: 'GROW_VOLUME', growVolume: { volume: volume(1, { shared: {} }), addition: disk(1) } }, 'Shared volumes'],
    [{ type: 'SHRINK_VOLUME', shrinkVolume: { volume: volume(1), subtract: { value: 1 } } }, 'less than the volume'],
    [{ type: 'SHRINK_VOLUME', shrinkVolume: { volume: volume(1), subtract: { value: NaN } } }, 'greater than zero'],
    [{ type: 'CREATE_DISK', createDisk: { source: disk(1), targetType: 'MOUNT' } }, 'CREATE_DISK is not supported'],
  ];
  for (const [operation, why] of cases) expect(told(operation)).toContain(why);
});

test('below every reservation and volume is what the machine was given', () => {
  const fixed = { type: 'STATIC', role: 'web' } as const;
  const inner = { type: 'DYNAMIC', role: 'web/shop' } as const;
  const bare = (message: Resource): string => String(Resources.of([asGiven(message)]));
  expect(bare(volume(8))).toBe('disk:8');
  expect(bare(volume(8, { reservations: [fixed, inner], shared: {} }))).toBe('disk(reservations: [(STATIC,web)]):8');
  expect(bare(disk(8, { role: 'web' }))).toBe('disk(reservations: [(STATIC,web)]):8');
});
