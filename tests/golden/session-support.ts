import { expect } from 'vitest';
import { until } from '../support/poll.js';
import type { MasterDaemon } from '../../kernel/main/master.js';
import type { TestPair } from './agent-support.js';
import {
  ask,
  JSON_HEADERS,
  normal,
  post,
  subscribe,
  type Ask,
  type HttpAnswer,
  type Subscription,
} from './master-support.js';

/** Events as they come over the wire. */
export type Event = Readonly<Record<string, unknown>> & { readonly type: string };

async function isSettled(daemon: Served): Promise<boolean> {
  const { text } = await ask(daemon, '/state-summary');
  const { slaves, frameworks } = JSON.parse(text) as {
    slaves: Record<string, { cpus: number }>[];
    frameworks: { active: boolean }[];
  };
  if (!frameworks.some(({ active }) => active)) return true;
  return slaves.every((one) => {
    const [total, used, offered] = ['resources', 'used_resources', 'offered_resources'].map((key) => one[key]!.cpus);
    return Math.abs(total! - used! - offered!) < 1e-6;
  });
}

interface Offer {
  readonly id: { readonly value: string };
}

/** A framework that does what the session says. */
export class TestFramework {
  private readonly taken = new Set<string>();
  private readonly heard = new Set<object>();

  private constructor(
    private readonly daemon: Served,
    readonly stream: Subscription<Event>,
  ) {}

  static async subscribe(
    daemon: Served,
    info: { readonly id?: object; readonly [field: string]: unknown },
    headers: Ask['headers'] = {},
    able: readonly string[] = ['MULTI_ROLE', 'PARTITION_AWARE'],
  ): Promise<TestFramework> {
    const capabilities = able.map((type) => ({ type }));
    const framework_info = { capabilities, ...info };
    const call = { type: 'SUBSCRIBE', framework_id: info.id, subscribe: { framework_info } };
    return new TestFramework(daemon, await subscribe<Event>(daemon, '/api/v1/scheduler', call, headers));
  }

  of(type: string): Promise<Event> {
    return this.stream.until(({ records }) => records.findLast((record) => record.type === type));
  }

  async id(): Promise<{ value: string }> {
    return ((await this.of('SUBSCRIBED')).subscribed as { framework_id: { value: string } }).framework_id;
  }

  async said(type: string, body?: object): Promise<object> {
    return { type, framework_id: await this.id(), ...(body && { [type.toLowerCase()]: body }) };
  }

  get headers(): Record<string, string> {
    return { 'Mesos-Stream-Id': String(this.stream.headers['mesos-stream-id']) };
  }

  async call(type: string, body?: object): Promise<void> {
    const answer = await post(this.daemon, '/api/v1/scheduler', await this.said(type, body), this.headers);
    expect(answer).toMatchObject({ status: 202, text: '' });
  }

  /** Once all that is free is on offer: in how many offers is chance. */
  async take(): Promise<Offer[]> {
    const offers = await until('offers', async () => {
      const there = (await isSettled(this.daemon)) ? this.outstanding() : [];
      return there.length > 0 && there;
    });
    for (const { id } of offers) this.taken.add(id.value);
    return offers;
  }

  private outstanding(): Offer[] {
    const { records } = this.stream;
    const gone = new Set(
      records.map(({ rescind }) => (rescind as { offer_id: Offer['id'] } | undefined)?.offer_id.value),
    );
    return records
      .flatMap(({ offers }) => (offers as { offers: Offer[] } | undefined)?.offers ?? [])
      .filter(({ id }) => !this.taken.has(id.value) && !gone.has(id.value));
  }

  /** With all that is on offer. */
  async accept(...operations: object[]): Promise<Offer[]> {
    const offers = await this.take();
    await this.call('ACCEPT', { offer_ids: offers.map(({ id }) => id), operations, filters: { refuse_seconds: 0.1 } });
    return offers;
  }

  launch(task: object): Promise<Offer[]> {
    return this.accept({ type: 'LAUNCH', launch: { task_infos: [task] } });
  }

  /** And acknowledges. */
  async hears(...states: string[]): Promise<void> {
    for (const state of states) {
      const { agent_id, task_id, uuid } = await this.stream
        .until(({ records }) =>
          records
            .filter(({ type }) => type === 'UPDATE')
            .map(({ update }) => (update as { status: Record<string, unknown> }).status)
            .find((one) => one.state === state && !this.heard.has(one)),
        )
        .then((status) => (this.heard.add(status), status));
      if (uuid !== undefined) await this.call('ACKNOWLEDGE', { agent_id, task_id, uuid });
    }
  }
}

type Served = Pick<MasterDaemon, 'url' | 'port' | 'masterId' | 'workDir'>;

interface Played {
  readonly master: { readonly daemon: Served };
  readonly agent?: TestPair['agent'];
}

/** Of the master: who has what; what runs. */
export const SHARES = ['/slaves', '/state-summary', '/roles', 'GET_AGENTS', 'GET_ROLES', 'GET_OPERATIONS'];
export const WORK = ['/frameworks', '/tasks', 'GET_FRAMEWORKS', 'GET_TASKS', 'GET_EXECUTORS'];

/**
 * A session as clients have it with a Mesos master and agent: each answer is kept as it came, what differs from run to
 * run apart, and all of them together are compared with those that the field gives.
 */
export class Session {
  private readonly steps: object[] = [];
  private hidden = '';

  /** One after another, by id. */
  private readonly masters = new Map<string, number>();

  constructor(private readonly pair: Played) {}

  /** To the master; `json` makes it a POST, unless `how` says otherwise. */
  master(step: string, path: string, json?: unknown, how: Ask = {}): Promise<HttpAnswer> {
    return this.send(step, this.pair.master.daemon, path, json, how);
  }

  agent(step: string, path: string, json?: unknown, how: Ask = {}): Promise<HttpAnswer> {
    return this.send(step, this.pair.agent!.daemon, path, json, how);
  }

  /** Answers to GET of a path or to a call without more, once all that is free is on offer. */
  async views(step: string, of: 'master' | 'agent', names: readonly string[]): Promise<void> {
    await until('all is offered', () => isSettled(this.pair.master.daemon));
    this.hidden = 'offers';
    for (const name of names) await this.view(step, name, of);
    this.hidden = '';
  }

  /** The same, as it is. */
  async view(step: string, name: string, of: 'master' | 'agent' = 'master'): Promise<void> {
    if (name.startsWith('/')) await this[of](`${step}: ${name}`, name);
    else await this[of](`${step}: ${name}`, '/api/v1', { type: name });
  }

  /** What a stream has brought, offers and what takes them back apart: those come when they come, as failures do. */
  stream({ records, headers }: Subscription<Event>, step: string): void {
    const isKept = ({ type }: Event): boolean => !['HEARTBEAT', 'OFFERS', 'RESCIND'].includes(type);
    const isFailure = ({ type }: Event): number => Number(type === 'FAILURE');
    const events = records.filter(isKept).sort((a, b) => isFailure(a) - isFailure(b));
    this.steps.push({ step, type: headers['content-type'], events: this.normal(events) });
  }

  async matches(name: string): Promise<void> {
    const text = `${JSON.stringify(this.steps, undefined, 2)}\n`;
    await expect(text).toMatchFileSnapshot(`./sessions/${name}.json`);
  }

  private async send(
    step: string,
    daemon: { readonly url: string },
    path: string,
    json: unknown,
    how: Ask,
  ): Promise<HttpAnswer> {
    const posted: Ask = json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) };
    const isV1 = path.startsWith('/api/v1');
    const headers = { ...(isV1 && JSON_HEADERS), ...how.headers };
    const answer = await ask(daemon, path, { ...posted, ...how, headers });
    const { 'content-type': type, 'www-authenticate': challenge, location } = answer.headers;
    const body = type === 'application/json' ? (JSON.parse(answer.text) as unknown) : answer.text;
    this.steps.push({
      step,
      status: answer.status,
      ...(type !== undefined && { type }),
      ...(challenge !== undefined && { challenge }),
      ...(location !== undefined && { location: this.normal(location) }),
      ...(answer.text !== '' && { body: this.normal(body) }),
    });
    return answer;
  }

  private normal(body: unknown): unknown {
    const { master, agent } = this.pair;
    this.masters.set(master.daemon.masterId, master.daemon.port);
    let text = JSON.stringify(body);
    for (const [index, [id, port]] of [...this.masters].entries())
      text = text.replaceAll(id, `MASTER${index || ''}`).replaceAll(String(port), String(5050 + 2 * index));
    if (agent !== undefined) text = text.replaceAll(`:${agent.daemon.port}`, ':5051').replaceAll(agent.home, '/agent');
    text = JSON.stringify(normal(JSON.parse(text), master.daemon))
      .replace(/MASTER-O\d+/g, 'MASTER-O')
      .replace(/uuid":("|\{"value":")[^"]*"/g, 'uuid":$1UUID"')
      .replace(/"(executor_pid)":\d+/g, '"$1":"PID"');
    const hidden = ['flags', this.hidden];
    return JSON.parse(text, (key, value: unknown) => (key !== '' && hidden.includes(key) ? key.toUpperCase() : value));
  }
}
