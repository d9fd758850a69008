import type { OfferOperation, Resource } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { MasterHarness, task } from '../../../tests/support/master-harness.js';
import { parseAcls } from '../authorizer/acls.js';
import { LocalAuthorizer } from '../authorizer/local-authorizer.js';

const ANY = { type: 'ANY' };
const NONE = { type: 'NONE' };
const denying = (action: string, objects: string, value: string) => ({
  [action]: [
    { principals: { values: ['p'] }, [objects]: { values: [value] } },
    { principals: ANY, [objects]: NONE },
  ],
});

function masterWith(acls: object): MasterHarness {
  return new MasterHarness({ authorizer: new LocalAuthorizer(parseAcls(JSON.stringify(acls))) });
}

const disk = (role: string, creator: string): Resource => ({
  name: 'disk',
  type: 'SCALAR',
  scalar: { value: 10 },
  reservations: [{ type: 'DYNAMIC', role, principal: creator }],
  disk: { persistence: { id: 'v', principal: creator }, volume: { containerPath: 'v', mode: 'RW' } },
});

const operations: [
  action: string,
  objects: string,
  value: string,
  make: (good: boolean) => OfferOperation,
  verb: string,
][] = [
  [
    'reserve_resources',
    'roles',
    'web',
    (good) => ({ type: 'RESERVE', reserve: { resources: [disk(good ? 'web' : 'ads', 'p')] } }),
    'reserve resources',
  ],
  [
    'unreserve_resources',
    'reserver_principals',
    'me',
    (good) => ({ type: 'UNRESERVE', unreserve: { resources: [disk('web', good ? 'me' : 'q')] } }),
    'unreserve resources',
  ],
  [
    'create_volumes',
    'roles',
    'web',
    (good) => ({ type: 'CREATE', create: { volumes: [disk(good ? 'web' : 'ads', 'p')] } }),
    'create persistent volumes',
  ],
  [
    'destroy_volumes',
    'creator_principals',
    'me',
    (good) => ({ type: 'DESTROY', destroy: { volumes: [disk('web', good ? 'me' : 'q')] } }),
    'destroy persistent volumes',
  ],
  [
    'resize_volumes',
    'roles',
    'web',
    (good) => ({
      type: 'GROW_VOLUME',
      growVolume: { volume: disk(good ? 'web' : 'ads', 'p'), addition: disk('web', 'p') },
    }),
    'resize volumes',
  ],
];

test.each(operations)('%s: what is not allowed becomes an OPERATION_ERROR', (action, objects, value, make, verb) => {
  const master = masterWith(denying(action, objects, value));
  master.agent();
  const outcome = (principal: string, good: boolean): string | undefined => {
    const scheduler = master.scheduler({ principal });
    const operation = { id: { value: 'op' }, ...make(good) };
    const offerIds = scheduler.offers.map(({ id }) => id);
    scheduler.call({ type: 'ACCEPT', accept: { offerIds, operations: [operation] } });
    const update = scheduler.events.find((event) => event.updateOperationStatus)?.updateOperationStatus;
    scheduler.call({ type: 'TEARDOWN' });
    return update?.status.message;
  };
  expect(outcome('p', false)).toBe(`Not authorized to ${verb} as 'p'`);
  expect(outcome('q', true)).toBe(`Not authorized to ${verb} as 'q'`);
  expect(outcome('p', true)).not.toMatch(/Not authorized/);
});

test('one task of a group that may not be launched spoils the group', () => {
  const master = masterWith(denying('run_tasks', 'users', 'nobody'));
  master.agent();
  const scheduler = master.scheduler({ principal: 'p' });
  const [offer] = scheduler.offers;
  const tasks = [task('a', offer!), task('b', offer!, undefined, { command: { value: 'x', user: 'root' } })];
  const executor = { executorId: { value: 'e' }, type: 'DEFAULT' as const };
  const operation = { type: 'LAUNCH_GROUP' as const, launchGroup: { executor, taskGroup: { tasks } } };
  scheduler.call({ type: 'ACCEPT', accept: { offerIds: [offer!.id], operations: [operation] } });
  const statuses = scheduler.events.flatMap(({ update }) => update?.status ?? []);
  expect(statuses.map(({ taskId, state, reason }) => [taskId.value, state, reason])).toEqual([
    ['a', 'TASK_ERROR', 'REASON_TASK_GROUP_UNAUTHORIZED'],
    ['b', 'TASK_ERROR', 'REASON_TASK_GROUP_UNAUTHORIZED'],
  ]);
});

test('who operates in the name of a principal reserves in no other name', () => {
  const master = new MasterHarness();
  const agent = master.agent();
  const reserve = (creator: string, principal: string | undefined) =>
    master.operator(
      {
        type: 'RESERVE_RESOURCES',
        reserveResources: {
          agentId: { value: agent.id! },
          resources: [
            {
              name: 'cpus',
              type: 'SCALAR',
              scalar: { value: 1 },
              reservations: [{ type: 'DYNAMIC', role: 'web', principal: creator }],
            },
          ],
        },
      },
      principal,
    );
  expect(reserve('other', 'ops')).toMatchObject({
    status: 400,
    text: expect.stringContaining("principal 'other'") as string,
  });
  expect(reserve('ops', 'ops')).toMatchObject({ status: 202 });
  expect(reserve('anybody', undefined)).toMatchObject({ status: 202 });
});
