import { Channel, headOf } from './channel.js';
import { stream } from './http.js';

const JSON_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' };

interface Id {
  readonly value: string;
}
interface Event {
  readonly subscribed?: { readonly framework_id: Id };
  readonly offers?: { readonly offers: readonly { readonly id: Id; readonly agent_id: Id }[] };
  readonly update?: {
    readonly status: { readonly task_id: Id; readonly agent_id: Id; readonly state: string; readonly uuid?: string };
  };
}

const scalar = (name: string, value: number, role: string) => ({
  ...{ name, type: 'SCALAR', scalar: { value } },
  allocation_info: { role },
});

/** Launches tasks as fast as offers come, so many in each ACCEPT, and acknowledges what it is told. */
export class LoadFramework {
  id: Id | undefined;
  private head = '';
  private readonly channel: Channel;
  private wanted = 0;
  private perAccept = 1;
  private launched = 0;
  private open = 0;
  private settle: (() => void) | undefined;
  private updates = 0;
  /** When tasks were accepted, and what it took until they ran, in milliseconds. */
  private readonly acceptedMs = new Map<string, number>();
  private latencies: number[] = [];

  constructor(
    private readonly url: string,
    readonly name: string,
  ) {
    this.channel = new Channel(url);
  }

  get info() {
    const capabilities = [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }];
    return { user: 'root', name: this.name, roles: ['*'], failover_timeout: 600, capabilities };
  }

  async subscribe(): Promise<void> {
    const framework_info = { ...this.info, ...(this.id && { id: this.id }) };
    const call = {
      type: 'SUBSCRIBE',
      ...(this.id && { framework_id: this.id }),
      subscribe: { framework_info, suppressed_roles: ['*'] },
    };
    await new Promise<void>((resolve, reject) => {
      const onRecord = (record: unknown): void => {
        const event = record as Event;
        if (event.subscribed) {
          this.id = event.subscribed.framework_id;
          // The headers are known in this turn or the next.
          setImmediate(resolve);
        }
        this.take(event);
      };
      stream(`${this.url}/api/v1/scheduler`, JSON_HEADERS, JSON.stringify(call), onRecord).then(({ headers }) => {
        const streamId = { 'Mesos-Stream-Id': String(headers['mesos-stream-id']) };
        this.head = headOf('/api/v1/scheduler', { ...JSON_HEADERS, ...streamId });
      }, reject);
    });
  }

  /** Resolves when all tasks run and every update was acknowledged. Answers how long each task took from its ACCEPT, in milliseconds. */
  async run(tasks: number, perAccept: number): Promise<readonly number[]> {
    this.latencies = [];
    Object.assign(this, { wanted: tasks, perAccept, launched: 0, open: tasks });
    const over = new Promise<void>((resolve) => (this.settle = resolve));
    await this.call('REVIVE', {});
    await over;
    await this.call('SUPPRESS', {});
    return this.latencies;
  }

  /** Milliseconds until `count` tasks that nobody knows are answered for. */
  async reconcile(count: number): Promise<number> {
    const tasks = Array.from({ length: count }, (_, i) => ({ task_id: { value: `unknown-${i}` } }));
    this.open = count;
    const over = new Promise<void>((resolve) => (this.settle = resolve));
    const beganMs = performance.now();
    await this.call('RECONCILE', { reconcile: { tasks } });
    await over;
    return performance.now() - beganMs;
  }

  async teardown(): Promise<void> {
    await this.call('TEARDOWN', {});
    this.channel.close();
  }

  private take({ offers, update }: Event): void {
    for (const { id, agent_id } of offers?.offers ?? []) void this.answer(id, agent_id);
    if (update) void this.acknowledge(update.status);
  }

  private async answer(offer: Id, agent: Id): Promise<void> {
    const count = Math.min(this.perAccept, this.wanted - this.launched);
    if (count === 0) return this.call('DECLINE', { decline: { offer_ids: [offer], filters: { refuse_seconds: 600 } } });
    const first = this.launched;
    this.launched += count;
    const resources = [scalar('cpus', 0.001, '*'), scalar('mem', 1, '*')];
    const task_infos = Array.from({ length: count }, (_, i) => ({
      name: 'task',
      task_id: { value: `${this.name}-${this.updates}-${first + i}` },
      agent_id: agent,
      resources,
      command: { value: 'exec sleep 1000' },
    }));
    for (const { task_id } of task_infos) this.acceptedMs.set(task_id.value, performance.now());
    const operations = [{ type: 'LAUNCH', launch: { task_infos } }];
    await this.call('ACCEPT', { accept: { offer_ids: [offer], operations, filters: { refuse_seconds: 0 } } });
  }

  private async acknowledge({ task_id, agent_id, uuid, state }: NonNullable<Event['update']>['status']): Promise<void> {
    if (uuid !== undefined) {
      this.latencies.push(performance.now() - this.acceptedMs.get(task_id.value)!);
      this.acceptedMs.delete(task_id.value);
      if (state !== 'TASK_RUNNING') throw new Error(`${task_id.value} is ${state}`);
      await this.call('ACKNOWLEDGE', { acknowledge: { task_id, agent_id, uuid } });
    }
    this.open -= 1;
    if (this.open === 0) {
      this.updates += 1;
      this.settle?.();
    }
  }

  private async call(type: string, more: object): Promise<void> {
    const body = JSON.stringify({ type, framework_id: this.id, ...more });
    const status = await this.channel.post(this.head, body);
    if (status !== 202) throw new Error(`${type} was answered ${status}`);
  }
}
