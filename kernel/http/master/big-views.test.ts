import { encodeMessage, messagePieces, messageToJson, type MasterResponse, type Piece } from '@mezzo/sdk/api';
import { expect, test } from 'vitest';
import { MasterHarness, task, type TestAgent, type TestScheduler } from '../../../tests/support/master-harness.js';
import { SEES_ALL, type Sight } from '../../core/master/sight.js';
import { getOperations, getState, lazily } from '../../core/master/views.js';
import { Fragments } from '../fragments.js';
import { jsonPieces } from '../slices.js';
import { stateView } from './legacy-views.js';

const NAME = 'mesos.v1.master.Response';
const [legacy, json, protobuf] = [new Fragments(), new Fragments(), new Fragments()];
const joined = (pieces: Iterable<Piece>): Buffer => Buffer.concat([...pieces].map((piece) => Buffer.from(piece)));

const SOME: Sight = {
  ...SEES_ALL,
  framework: ({ name }) => name !== 'hidden',
  task: (framework, { user }) => framework.name !== 'hidden' && user !== 'root',
};

/** Written bit by bit and from what is kept, all is as if it were written anew at once. */
function check({ state }: MasterHarness, sight: Sight): void {
  const plain: MasterResponse = { type: 'GET_STATE', getState: getState(state, sight) };
  const lazy: MasterResponse = { type: 'GET_STATE', getState: getState(state, sight, lazily) };
  expect(joined(messagePieces('json', NAME, lazy, json.writeRun)).toString()).toBe(messageToJson(NAME, plain));
  expect(joined(messagePieces('protobuf', NAME, lazy, protobuf.writeRun))).toEqual(
    Buffer.from(encodeMessage(NAME, plain)),
  );
  const operations = { type: 'GET_OPERATIONS', getOperations: getOperations(state, sight, lazily) } as const;
  expect(joined(messagePieces('json', NAME, operations, json.writeRun)).toString()).toBe(
    messageToJson(NAME, { type: 'GET_OPERATIONS', getOperations: getOperations(state, sight) }),
  );
  const site = { shell: { state }, startedAtMs: 0, flags: {}, version: { version: '1' } };
  const view = stateView(site as never, { principal: undefined, may: () => true, sight });
  const anew = joined(jsonPieces(view, new Fragments().writeRun)).toString();
  expect(joined(jsonPieces(view, legacy.writeRun)).toString()).toBe(anew);
  expect(() => JSON.parse(anew) as unknown).not.toThrow();
}

function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

test('big views of random states are, byte by byte, what the plain writers write', () => {
  for (let seed = 1; seed <= 3; seed++) {
    const roll = dice(seed);
    const master = new MasterHarness({ maxCompletedTasksPerFramework: 8, maxCompletedFrameworks: 2 });
    const agents: TestAgent[] = [];
    let schedulers: TestScheduler[] = [];
    let next = 0;
    const launch = (): void => {
      const [offer] = [...master.state.offers.values()];
      const scheduler = schedulers.find(({ id }) => id === offer?.frameworkId);
      if (offer === undefined || scheduler === undefined) return;
      const user = roll(3) === 0 ? 'root' : 'nobody';
      const command = { value: 'sleep 1', user };
      const infos = Array.from({ length: 1 + roll(3) }, () =>
        task(`t${next++}`, offer.message, 'cpus:0.1;mem:32', {
          command,
          labels: { labels: [{ key: 'ü"', value: 'x' }] },
        }),
      );
      scheduler.launch([offer.message], ...infos);
    };
    const update = (): void => {
      const all = [...master.state.frameworks.values()].flatMap(({ tasks }) => [...tasks.values()]);
      const one = all[roll(all.length)];
      const agent = agents.find(({ id }) => id === one?.agentId);
      if (one === undefined || agent === undefined || !master.state.agents.get(one.agentId)?.connection) return;
      agent.update(one.frameworkId, one.taskId, roll(3) === 0 ? 'TASK_FINISHED' : 'TASK_RUNNING');
      const scheduler = schedulers.find(({ id }) => id === one.frameworkId);
      if (scheduler?.lastStatus?.uuid !== undefined) scheduler.acknowledge();
    };
    const acts = [
      () => agents.push(master.agent()),
      () => schedulers.push(master.scheduler({ name: roll(3) === 0 ? 'hidden' : 'seen' })),
      launch,
      launch,
      update,
      update,
      update,
      () => agents[roll(agents.length)]?.disconnect(),
      () => agents[roll(agents.length)]?.subscribe(),
      () => {
        const gone = roll(4) === 0 ? schedulers[roll(schedulers.length)] : undefined;
        gone?.call({ type: 'TEARDOWN' });
        schedulers = schedulers.filter((one) => one !== gone);
      },
      () =>
        master.pass(
          1000,
          agents.filter(({ connection }) => master.state.sessions.has(connection)),
        ),
    ];
    for (let act = 0; act < 150; act++) {
      acts[roll(acts.length)]!();
      if (act % 10 === 0) for (const sight of [SEES_ALL, SOME]) check(master, sight);
    }
    check(master, SEES_ALL);
    expect(next).toBeGreaterThan(5);
  }
});
