import { expect, test } from 'vitest';
import type { ExecutorEvent, TaskInfo, TaskStatus } from '../api/messages.js';
import { MezzoError } from '../contract/errors.js';
import { VirtualTime } from '../testing/index.js';
import { runExecutor, type ExecutorClient, type ExecutorHandlers, type RunExecutorOptions } from './index.js';

/** An agent that says what the test says, and acknowledges by the test's word. */
class FakeAgentSide implements ExecutorClient {
  readonly said: Pick<TaskStatus, 'taskId' | 'state' | 'message' | 'data'>[] = [];
  readonly messages: string[] = [];
  readonly connected = true;
  unacknowledged = 0;
  private readonly events: (ExecutorEvent | Error)[] = [];
  private wake = (): void => {};
  private closed = false;

  say(...events: (ExecutorEvent | Error)[]): void {
    this.events.push(...events);
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ExecutorEvent, void, undefined> {
    while (!this.closed) {
      const event = this.events.shift();
      if (event === undefined) await new Promise<void>((resolve) => (this.wake = resolve));
      else if (event instanceof Error) throw event;
      else yield event;
    }
  }

  async update(status: FakeAgentSide['said'][number]): Promise<void> {
    this.said.push(status);
    this.unacknowledged += 1;
  }

  acknowledge(): void {
    this.unacknowledged = 0;
    this.say({ type: 'ACKNOWLEDGED' });
  }

  async message(data: string): Promise<void> {
    this.messages.push(data);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.wake();
  }

  get states(): string[] {
    return this.said.map(({ taskId, state }) => `${taskId.value} ${state}`);
  }
}

const launch = (id: string, more: Partial<TaskInfo> = {}): ExecutorEvent => ({
  type: 'LAUNCH',
  launch: { task: { name: id, taskId: { value: id }, agentId: { value: 'S1' }, ...more } },
});
const kill = (id: string): ExecutorEvent => ({ type: 'KILL', kill: { taskId: { value: id } } });
const stubborn = (): Promise<void> => new Promise(() => {});

async function start(handlers: ExecutorHandlers, options: RunExecutorOptions = {}) {
  const agent = new FakeAgentSide();
  const time = new VirtualTime();
  const env = { MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: '4secs' };
  let over: unknown;
  const running = runExecutor(handlers, { client: agent, clock: time, env, ...options });
  running.then(
    () => (over = 'ended'),
    (error: unknown) => (over = error),
  );
  agent.say({ type: 'SUBSCRIBED' });
  await time.settle();
  return { agent, time, over: () => over };
}

test('a task runs, finishes with its result, and the executor ends once that is acknowledged', async () => {
  const { agent, time, over } = await start({ launch: async ({ data }) => ({ data: `${data}${data}` }) });
  agent.say(launch('t', { data: 'QUFB' }));
  await time.settle();
  expect(agent.said).toEqual([
    { taskId: { value: 't' }, state: 'TASK_RUNNING' },
    { taskId: { value: 't' }, state: 'TASK_FINISHED', data: 'QUFBQUFB' },
  ]);
  expect(over()).toBeUndefined();
  agent.acknowledge();
  await time.settle();
  expect(over()).toBe('ended');
});

test('a task that throws has failed with that message, and one that stays waits for more', async () => {
  const { agent, time, over } = await start(
    {
      launch: async () => {
        throw new Error('no luck');
      },
    },
    { whenIdle: 'stay' },
  );
  agent.say(launch('t'));
  await time.settle();
  expect(agent.said.at(-1)).toMatchObject({ state: 'TASK_FAILED', message: 'no luck' });
  agent.acknowledge();
  await time.settle();
  expect(over()).toBeUndefined();
});

test('a killed task has its grace to end by itself', async () => {
  const { agent, time } = await start({
    launch: (_, { signal }) => new Promise((resolve) => (signal.onabort = () => time.after(2000, resolve))),
    kill: () => expect.unreachable('it ended in time'),
  });
  agent.say(launch('t'), kill('t'));
  await time.advance(1999);
  expect(agent.states).toEqual(['t TASK_RUNNING', 't TASK_KILLING']);
  await time.advance(5000);
  expect(agent.states.slice(2)).toEqual(['t TASK_KILLED']);
});

test('one that does not is ended by force, after the grace that it or its kill names', async () => {
  const forcedAtMs: number[] = [];
  const { agent, time } = await start({ launch: stubborn, kill: () => forcedAtMs.push(time.now()) });
  const startMs = time.now();
  agent.say(launch('t', { killPolicy: { gracePeriod: { nanoseconds: 10e9 } } }), kill('t'), kill('t'));
  await time.advance(10_500);
  expect(forcedAtMs).toEqual([startMs + 10_000]);
  expect(agent.states).toEqual(['t TASK_RUNNING', 't TASK_KILLING']);
  await time.advance(500);
  expect(agent.states.at(-1)).toBe('t TASK_KILLED');
});

test('a shutdown ends all tasks within the grace period, and the executor', async () => {
  const { agent, time, over } = await start({ launch: stubborn });
  agent.say(launch('a'), launch('b'), { type: 'SHUTDOWN' }, launch('late'));
  await time.advance(3000);
  expect(agent.states.sort()).toEqual(['a TASK_KILLED', 'a TASK_RUNNING', 'b TASK_KILLED', 'b TASK_RUNNING']);
  expect(over()).toBeUndefined();
  await time.advance(1000);
  expect(over()).toBe('ended');
});

test('and sooner when its last words are acknowledged', async () => {
  const { agent, time, over } = await start({ launch: stubborn });
  agent.say(launch('a'), { type: 'SHUTDOWN' });
  await time.advance(3000);
  agent.acknowledge();
  await time.settle();
  expect(over()).toBe('ended');
});

test('without its agent an executor ends its tasks and says why', async () => {
  const aborted: string[] = [];
  const { agent, time, over } = await start({
    launch: ({ name }, { signal }) =>
      new Promise((resolve) => {
        signal.onabort = () => resolve(void aborted.push(name));
      }),
  });
  agent.say(launch('t'), new MezzoError('SUBSCRIPTION_LOST', 'away', { blame: 'environment' }));
  await time.settle();
  expect(aborted).toEqual(['t']);
  expect(over()).toMatchObject({ code: 'SUBSCRIPTION_LOST' });
});

test('tasks report and exchange messages with the framework; the same launch is not run twice', async () => {
  const heard: string[] = [];
  let launches = 0;
  const { agent, time } = await start({
    launch: async (_, context) => {
      launches += 1;
      context.report({ message: 'half', data: 'NTA=' });
      await context.send('aGk=');
      return stubborn();
    },
    message: (data) => heard.push(data),
  });
  agent.say(launch('t'), launch('t'), { type: 'MESSAGE', message: { data: 'eW8=' } });
  await time.settle();
  expect([launches, heard, agent.messages]).toEqual([1, ['eW8='], ['aGk=']]);
  expect(agent.said.at(-1)).toMatchObject({ state: 'TASK_RUNNING', message: 'half', data: 'NTA=' });
});
