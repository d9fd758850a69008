import type { MasterEvent, MasterResponseGetState, Task, TaskState, TaskStatus } from '../api/messages.js';
import { isTerminal } from '../contract/task-states.js';
import type { OperatorEvents, OperatorEventsFactory } from '../framework/operator-events.js';

type Agent = NonNullable<MasterEvent['agentAdded']>['agent'];

/** The operator events of a master in memory, with one framework `F1`, named `marathon`. Each subscription begins with what is then. */
export class FakeOperatorEvents implements OperatorEventsFactory {
  /** How often somebody has subscribed. */
  subscriptions = 0;
  /** What the next subscription throws. */
  refusal: Error | undefined;
  private readonly streams = new Set<Stream>();
  private readonly agents = new Map<string, Agent>();
  private readonly tasks = new Map<string, Task>();
  /** Agents that a new leader has not heard of. */
  private readonly recovered = new Set<string>();

  subscribe(): OperatorEvents {
    const { refusal } = this;
    const stream = new Stream(refusal, (ended) => this.streams.delete(ended));
    this.refusal = undefined;
    if (refusal !== undefined) return stream;
    this.subscriptions++;
    this.streams.add(stream);
    stream.push(this.snapshot());
    return stream;
  }

  /** How many follow it now. */
  get open(): number {
    return this.streams.size;
  }

  /** To all that follow. */
  send(event: MasterEvent): void {
    for (const stream of this.streams) stream.push(event);
  }

  /** The connection of all is lost, with what was on its way, and made again. */
  cut(): void {
    for (const stream of this.streams) stream.restart(this.snapshot());
  }

  /** Another master leads, and has heard of none of the agents: these return with `addAgent` and `addTask`. */
  failOver(): void {
    for (const id of this.agents.keys()) this.recovered.add(id);
    this.agents.clear();
    this.tasks.clear();
    this.cut();
  }

  addAgent(id: string, host: string): void {
    const agent = {
      agentInfo: { id: { value: id }, hostname: host },
      active: true,
      version: '1',
      pid: `slave(1)@${host}:5051`,
    };
    this.recovered.delete(id);
    this.agents.set(id, agent);
    this.send({ type: 'AGENT_ADDED', agentAdded: { agent } });
  }

  removeAgent(id: string): void {
    this.agents.delete(id);
    this.recovered.delete(id);
    for (const [key, task] of this.tasks) if (task.agentId.value === id) this.tasks.delete(key);
    this.send({ type: 'AGENT_REMOVED', agentRemoved: { agentId: { value: id } } });
  }

  /** On `S1` and in TASK_RUNNING, unless told otherwise. */
  addTask(id: string, more: Partial<Task> = {}): void {
    const task: Task = {
      ...{ taskId: { value: id }, name: id, frameworkId: { value: 'F1' }, agentId: { value: 'S1' } },
      ...{ state: 'TASK_RUNNING', statuses: [{ taskId: { value: id }, state: 'TASK_RUNNING' }], resources: [] },
      ...more,
    };
    this.tasks.set(id, task);
    this.send({ type: 'TASK_ADDED', taskAdded: { task } });
  }

  updateTask(id: string, state: TaskState, more: Partial<TaskStatus> = {}): void {
    const task = this.tasks.get(id);
    const status = { taskId: { value: id }, state, ...more };
    if (isTerminal(state)) this.tasks.delete(id);
    else if (task !== undefined) this.tasks.set(id, { ...task, state, statuses: [status] });
    this.send({ type: 'TASK_UPDATED', taskUpdated: { frameworkId: { value: 'F1' }, state, status } });
  }

  private snapshot(): MasterEvent {
    const frameworkInfo = { id: { value: 'F1' }, name: 'marathon', user: 'root' };
    const getState: MasterResponseGetState = {
      getAgents: {
        agents: [...this.agents.values()],
        recoveredAgents: [...this.recovered].map((id) => ({ id: { value: id }, hostname: '' })),
      },
      getFrameworks: { frameworks: [{ frameworkInfo, active: true, connected: true, recovered: false }] },
      getTasks: { tasks: [...this.tasks.values()] },
    };
    return { type: 'SUBSCRIBED', subscribed: { getState } };
  }
}

class Stream implements OperatorEvents {
  connected = true;
  private waiting: MasterEvent[] = [];
  private wake = (): void => {};

  constructor(
    private readonly refusal: Error | undefined,
    private readonly onEnd: (stream: Stream) => void,
  ) {}

  push(event: MasterEvent): void {
    this.waiting.push(event);
    this.wake();
  }

  restart(first: MasterEvent): void {
    this.waiting = [first];
    this.wake();
  }

  async close(): Promise<void> {
    this.connected = false;
    this.onEnd(this);
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<MasterEvent, void, undefined> {
    if (this.refusal !== undefined) throw this.refusal;
    while (this.connected) {
      const event = this.waiting.shift();
      if (event !== undefined) yield event;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
