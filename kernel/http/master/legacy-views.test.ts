import { expect, test } from 'vitest';
import { MasterHarness, task } from '../../../tests/support/master-harness.js';
import { finish } from '../../../tests/support/steps.js';
import { Fragments } from '../fragments.js';
import { jsonPieces } from '../slices.js';
import { frameworksView, slavesView, tasksView, type Json } from './legacy-views.js';

const { writeRun } = new Fragments();
const written = (view: Json): Json => JSON.parse([...jsonPieces(view, writeRun)].join('')) as Json;
const page = { limit: 100, offset: 0, ascending: false, frameworkId: null, taskId: null };

/** Two frameworks with two tasks each, which began one after another: a0, b0, a1, b1. The last has ended. */
function cluster() {
  const master = new MasterHarness();
  const agents = [master.agent(), master.agent()];
  const schedulers = [master.scheduler(), master.scheduler({ roles: ['db'] })];
  for (const i of [0, 1]) {
    for (const [at, name] of ['a', 'b'].entries()) {
      const scheduler = schedulers[at]!;
      scheduler.call({ type: 'REVIVE' });
      const offer = [...master.state.offers.values()].find(({ frameworkId }) => frameworkId === scheduler.id)!.message;
      scheduler.launch([offer], task(`${name}${i}`, offer));
      const agent = agents.find(({ id }) => id === offer.agentId.value)!;
      const status = { taskId: { value: `${name}${i}` }, source: 'SOURCE_EXECUTOR', timestamp: 10 * i + at } as const;
      const state = 'TASK_RUNNING' as const;
      agent.call({
        type: 'statusUpdate',
        frameworkId: scheduler.id,
        status: { ...status, state, uuid: `u${name}${i}` },
        latestState: state,
      });
      scheduler.acknowledge();
    }
  }
  const ids = (more: Partial<typeof page> | Readonly<Record<string, unknown>>) =>
    (written(finish(tasksView(master.state, { ...page, ...more }))).tasks as { id: string }[]).map(({ id }) => id);
  return { master, agents, schedulers, ids };
}

test('tasks come the latest first, in pages', () => {
  const { ids } = cluster();
  expect(ids({})).toEqual(['b1', 'a1', 'b0', 'a0']);
  expect(ids({ ascending: true })).toEqual(['a0', 'b0', 'a1', 'b1']);
  expect(ids({ limit: 2 })).toEqual(['b1', 'a1']);
  expect(ids({ limit: 2, offset: 2 })).toEqual(['b0', 'a0']);
  expect(ids({ limit: 2, offset: 4 })).toEqual([]);
  expect(ids({ limit: 0 })).toEqual([]);
});

test('tasks are told apart by framework and id', () => {
  const { ids, schedulers } = cluster();
  expect(ids({ frameworkId: schedulers[1]!.id })).toEqual(['b1', 'b0']);
  expect(ids({ frameworkId: schedulers[1]!.id, taskId: 'b0' })).toEqual(['b0']);
  expect(ids({ frameworkId: schedulers[1]!.id, taskId: 'a0' })).toEqual([]);
  expect(ids({ frameworkId: 'nobody' })).toEqual([]);
});

test('agents and frameworks are shown one by one when that is asked for, also when they are over', () => {
  const { master, schedulers } = cluster();
  const slaves = (id: string | null) =>
    (written(slavesView(master.state, id)).slaves as { id: string }[]).map((one) => one.id);
  expect(slaves(null)).toEqual(['m-S0', 'm-S1']);
  expect(slaves('m-S1')).toEqual(['m-S1']);
  expect(slaves('m-S9')).toEqual([]);
  const { id } = schedulers[0]!;
  schedulers[0]!.call({ type: 'TEARDOWN' });
  expect(written(frameworksView(master.state, id))).toMatchObject({
    frameworks: [],
    completed_frameworks: [{ id, completed_tasks: [{ id: 'a0' }, { id: 'a1' }] }],
    unregistered_frameworks: [],
  });
});
