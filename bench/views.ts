import { monitorEventLoopDelay } from 'node:perf_hooks';
import { messagePieces, type FrameworkInfo, type MasterResponse, type Piece } from '@mezzo/sdk/api';
import { asId, type ConnectionId } from '@mezzo/sdk/contract';
import { createMasterState, masterMachine, type MasterEvent, type MasterState } from '../kernel/core/master/index.js';
import { SEES_ALL } from '../kernel/core/master/sight.js';
import { amend } from '../kernel/core/master/tasks.js';
import { getState, lazily } from '../kernel/core/master/views.js';
import type { AgentTask } from '../kernel/core/protocol.js';
import { Resources } from '../kernel/core/resources/index.js';
import { lengthOf } from '../kernel/http/answer-body.js';
import { stateView } from '../kernel/http/master/legacy-views.js';
import { inSlices, jsonPieces } from '../kernel/http/slices.js';
import { Written } from '../kernel/http/written.js';
import { options } from '../tests/support/master-harness.js';
import { taskOf } from './load/bodies.js';
import { round, type Report } from './row.js';

/** The big views of a master, written without sockets: what they cost at first, when nothing has changed, and when 1 % has. */
const AGENTS = 10_000;
const FRAMEWORKS = 100;
const TASKS_PER_AGENT = 10;
const COMPLETED_PER_FRAMEWORK = 1000;
const RESOURCES = Resources.parse('cpus:64;mem:262144;disk:1048576;ports:[31000-32000]').toMessages('post');

const framework = (i: number): FrameworkInfo => ({
  user: 'nobody',
  name: `f${i}`,
  roles: ['*'],
  failoverTimeout: 1e6,
  id: { value: `f${i}` },
  capabilities: [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }],
});

class BigMaster {
  readonly state: MasterState = createMasterState(options({ maxCompletedTasksPerFramework: COMPLETED_PER_FRAMEWORK }));

  constructor() {
    const none = { agents: new Map(), frameworks: new Map(), roles: new Map(), maintenance: undefined };
    this.step({ type: 'elected', epoch: 1, registry: 'registry', ...none });
    const tasks = (of: number, count: number, prefix: string, state: AgentTask['state']): AgentTask[] =>
      Array.from({ length: count }, (_, i) => taskOf(`f${of}`, `${prefix}-${i}`, state));
    for (let i = 0; i < AGENTS; i++)
      this.subscribe(i, i % FRAMEWORKS, tasks(i % FRAMEWORKS, TASKS_PER_AGENT, `${i}`, 'TASK_RUNNING'));
    for (let i = 0; i < FRAMEWORKS; i++) {
      const ended = tasks(i, COMPLETED_PER_FRAMEWORK, `ended-${i}`, 'TASK_FINISHED');
      const session = this.subscribe(AGENTS + i, i, ended);
      const batch = { session, seq: 1, seen: 0, calls: [{ type: 'unregister' as const }] };
      this.step({ type: 'agentCalled', request: 1, batch });
    }
  }

  change(everyNth: number): void {
    let i = 0;
    for (const { tasks } of this.state.frameworks.values())
      for (const task of tasks.values()) if (i++ % everyNth === 0) amend(task, { statusUpdateState: 'TASK_RUNNING' });
  }

  private step(event: MasterEvent): void {
    masterMachine.step(this.state, event, 1_700_000_000_000);
  }

  private subscribe(i: number, of: number, tasks: readonly AgentTask[]): ConnectionId {
    const connection = asId<ConnectionId>(`c${i}`);
    const subscribe = {
      protocol: 1,
      agentInfo: { hostname: `host${i}`, port: 5051, id: { value: `m-S${i}` } },
      address: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}:5051`,
      resources: RESOURCES,
      version: '0.1.0',
      tasks,
      executors: [],
      operations: [],
      frameworks: [framework(of)],
    };
    this.step({ type: 'agentSubscribed', connection, subscribe });
    return connection;
  }
}

export async function run(report: Report): Promise<void> {
  const master = new BigMaster();
  const { state } = master;
  const written = new Written();
  const site = { shell: { state }, startedAtMs: 0, flags: {}, version: { version: '1' } } as never;
  const viewer = { principal: undefined, may: () => true, sight: SEES_ALL };
  const v1 = (format: 'json' | 'protobuf'): Iterable<Piece> => {
    const response: MasterResponse = { type: 'GET_STATE', getState: getState(state, SEES_ALL, lazily) };
    return messagePieces(format, 'mesos.v1.master.Response', response, written.writeRun(format));
  };
  const views: Readonly<Record<string, () => Iterable<Piece>>> = {
    '/state': () => jsonPieces(stateView(site, viewer), written.writeRun('legacy')),
    'GET_STATE, JSON': () => v1('json'),
    'GET_STATE, protobuf': () => v1('protobuf'),
  };
  for (const [name, view] of Object.entries(views)) {
    const bytes = await measure(`${name}, first`, view, report);
    report({ name: `${name}: size`, value: round(bytes / 2 ** 20), unit: 'MiB' });
    await measure(`${name}, again`, view, report);
    master.change(100);
    await measure(`${name}, when 1 % of the tasks have changed`, view, report);
  }
}

/** Answers the size. */
async function measure(name: string, view: () => Iterable<Piece>, report: Report): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const before = process.cpuUsage();
  delay.enable();
  const body = await inSlices(view());
  delay.disable();
  const { user, system } = process.cpuUsage(before);
  report({ name, value: round((user + system) / 1000), unit: 'ms of CPU' });
  report({ name: `${name}: longest hold`, value: round(delay.max / 1e6), unit: 'ms' });
  return lengthOf(body);
}
