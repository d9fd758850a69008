import fc, { type Arbitrary } from 'fast-check';
import { expect, test } from 'vitest';
import type { ExecutorCall, ExecutorCallType, Resource } from '@mezzo/sdk/api';
import { config as testConfig } from '../../../tests/support/agent-world.js';
import { anyMessage, type Instead } from '../../../tests/support/any-message.js';
import type { DownMessage } from '../protocol.js';
import type { AgentEffect } from './effects.js';
import type { AgentEvent } from './events.js';
import { executorCallFault } from './executor-calls.js';
import { agentBreach } from './invariants.js';
import { createAgentState, type AgentConfig, type AgentState } from './state.js';
import { agentMachine } from './step.js';

/**
 * Whatever frameworks write into their tasks, and executors into their calls, the agent keeps its books. The master has let the
 * tasks pass: what they use is there, and their ids are names. Containers come up, fail and end as they like.
 */

const config: AgentConfig = {
  ...testConfig,
  resources: [
    { name: 'cpus', type: 'SCALAR', scalar: { value: 100 } },
    { name: 'mem', type: 'SCALAR', scalar: { value: 100_000 } },
  ],
  maxCompletedExecutors: 3,
};

const id = (...known: string[]) => fc.constantFrom(...known).map((value) => ({ value }));
const used: Resource[] = [
  { name: 'cpus', type: 'SCALAR', scalar: { value: 0.01 }, allocationInfo: { role: 'web' } },
  { name: 'mem', type: 'SCALAR', scalar: { value: 1 }, allocationInfo: { role: 'web' } },
];
const odd = fc.oneof(fc.constantFrom(0, 1, -1, 1e300, NaN, Infinity, -Infinity), fc.double());
const instead: Instead = {
  'mesos.v1.AgentID': id('M-S0'),
  'mesos.v1.FrameworkID': id('F'),
  'mesos.v1.TaskID': id('t1', 't2'),
  'mesos.v1.ExecutorID': id('e1', 'e2'),
  'mesos.v1.Resource': fc.constantFrom(...used),
  double: odd,
};

const framework = fc
  .record({ info: anyMessage('mesos.v1.FrameworkInfo', instead) })
  .map(({ info }) => ({ ...info, id: { value: 'F' as never } }));
const executor = anyMessage('mesos.v1.ExecutorInfo', instead).map((info) => ({ ...info, resources: used }));
/** Of a command or of an executor, as the master sees to. */
const task = fc
  .tuple(anyMessage('mesos.v1.TaskInfo', instead), anyMessage('mesos.v1.CommandInfo', instead), fc.option(executor))
  .map(([{ executor: _, ...info }, command, own]) => ({
    ...info,
    resources: used,
    ...(own === null ? { command } : { executor: own }),
  }));

const fromMaster: Arbitrary<DownMessage> = fc.oneof(
  fc.record({ type: fc.constant('runTask' as const), framework, task }),
  fc.record({
    type: fc.constant('runTaskGroup' as const),
    framework,
    executor,
    tasks: fc.uniqueArray(task, { minLength: 1, maxLength: 2, selector: ({ taskId }) => taskId.value }),
  }),
  fc.record({
    type: fc.constant('killTask' as const),
    frameworkId: fc.constant('F'),
    taskId: fc.constantFrom('t1', 't2', 'x'),
    killPolicy: anyMessage('mesos.v1.KillPolicy', instead),
  }),
  fc.record({
    type: fc.constant('message' as const),
    frameworkId: fc.constantFrom('F', 'x'),
    executorId: fc.constantFrom('e1', 'x'),
    data: fc.constant('AAAA'),
  }),
  fc.record({
    type: fc.constant('shutdownExecutor' as const),
    frameworkId: fc.constant('F'),
    executorId: fc.constantFrom('e1', 't1', 'x'),
  }),
  fc.record({ type: fc.constant('shutdownFramework' as const), frameworkId: fc.constantFrom('F', 'x') }),
  fc.record({ type: fc.constant('updateFramework' as const), framework }),
);

const fromExecutor: Arbitrary<ExecutorCall> = fc
  .tuple(
    anyMessage('mesos.v1.executor.Call', instead),
    fc.constantFrom<ExecutorCallType>('SUBSCRIBE', 'UPDATE', 'UPDATE', 'MESSAGE', 'HEARTBEAT'),
  )
  .map(([call, type]) => ({ ...call, type }));

type Step =
  | { readonly master: DownMessage }
  | { readonly executor: ExecutorCall }
  /** Something that the agent waits for happens, well or badly. */
  | { readonly next: number; readonly well: boolean };

const step: Arbitrary<Step> = fc.oneof(
  fromMaster.map((master) => ({ master })),
  fromExecutor.map((executor) => ({ executor })),
  fc.record({ next: fc.nat(20), well: fc.boolean() }),
  fc.record({ next: fc.nat(20), well: fc.boolean() }),
);

/** What may become of an effect. */
function outcome(effect: AgentEffect, well: boolean): AgentEvent | undefined {
  switch (effect.type) {
    case 'prepareSandbox': {
      const { containerId } = effect;
      const failed = { type: 'sandboxFailed', containerId, stage: 'fetch', message: 'no' } as const;
      return well ? { type: 'sandboxPrepared', containerId } : failed;
    }
    case 'launchContainer': {
      const { containerId } = effect.spec;
      const launched = { pid: 1, checkpoint: {} } as never;
      return well
        ? { type: 'containerLaunched', containerId, launched }
        : { type: 'containerLaunchFailed', containerId, message: 'no' };
    }
    case 'killContainer':
      return { type: 'containerEnded', containerId: effect.containerId, exit: { signal: 'SIGTERM' } as never };
    case 'probe':
      return {
        type: 'probeDone',
        key: effect.key,
        outcome: well ? { kind: 'exit', code: 0 } : { kind: 'failed', message: 'no' },
      };
    case 'setTimer':
      return { type: 'timerFired', key: effect.key };
    default:
      return undefined;
  }
}

class World {
  readonly state: AgentState = createAgentState(config);
  private readonly open: AgentEffect[] = [];
  private seq = 0;
  private connections = 0;
  private atMs = 1_000_000;

  constructor() {
    const seed = '00000001-0000-4000-8000-000000000000';
    this.dispatch({ type: 'checkpointsLoaded', seed, bootId: 'b', recover: 'reconnect', records: [] });
    this.dispatch({ type: 'containersRecovered', containerIds: [] });
    const times = { pingIntervalMs: 15_000, pingTimeoutMs: 75_000 };
    this.master({ type: 'registered', session: 's', agentId: 'M-S0', masterId: 'M', epoch: 1, ...times });
  }

  master(message: DownMessage): void {
    const record = { ...message, seq: ++this.seq };
    this.dispatch({ type: 'masterRecordReceived', connection: this.state.link.connection, record });
  }

  executor(call: ExecutorCall): void {
    if (executorCallFault(this.state, call) !== undefined) return;
    if (call.type === 'SUBSCRIBE')
      this.dispatch({ type: 'executorSubscribed', connection: `c${++this.connections}`, call });
    else if (call.type !== 'HEARTBEAT') this.dispatch({ type: 'executorCalled', call });
  }

  next(number: number, well: boolean): void {
    const [effect] = this.open.splice(number % Math.max(1, this.open.length), 1);
    const event = effect && outcome(effect, well);
    this.atMs += 1000;
    if (event !== undefined) this.dispatch(event);
  }

  private dispatch(event: AgentEvent): void {
    this.open.push(
      ...agentMachine.step(this.state, event, this.atMs).filter((effect) => outcome(effect, true) !== undefined),
    );
    expect(agentBreach(this.state)).toBeUndefined();
  }
}

test('whatever runs, and however it ends, the agent keeps its books', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const world = new World();
      for (const one of steps) {
        if ('master' in one) world.master(one.master);
        else if ('executor' in one) world.executor(one.executor);
        else world.next(one.next, one.well);
      }
    }),
    { numRuns: 300 },
  );
});
