import { expect } from 'vitest';
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

/** A framework that does what the session says. */
export class TestFramework {
  private taken = 0;
  private readonly heard = new Set<object>();

  private constructor(
    private readonly daemon: MasterDaemon,
    readonly stream: Subscription<Event>,
  ) {}

  static async subscribe(daemon: MasterDaemon, info: object, headers: Ask['headers'] = {}): Promise<TestFramework> {
    const capabilities = [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }];
    const call = { type: 'SUBSCRIBE', subscribe: { framework_info: { capabilities, ...info } } };
    return new TestFramework(daemon, await subscribe<Event>(daemon, '/api/v1/scheduler', call, headers));
  }

  of(type: string): Promise<Event> {
    return this.stream.until(({ records }) => records.findLast((record) => record.type === type));
  }

  async id(): Promise<{ value: string }> {
    return ((await this.of('SUBSCRIBED')).subscribed as { framework_id: { value: string } }).framework_id;
  }

  async call(type: string, body?: object): Promise<void> {
    const json = { type, framework_id: await this.id(), ...(body && { [type.toLowerCase()]: body }) };
    const headers = { 'Mesos-Stream-Id': String(this.stream.headers['mesos-stream-id']) };
    const answer = await post(this.daemon, '/api/v1/scheduler', json, headers);
    expect(answer).toMatchObject({ status: 202, text: '' });
  }

  /** With the next offer. */
  async launch(task: object): Promise<void> {
    const { offers } = (await this.stream.until(({ records }) =>
      records.slice(this.taken).find(({ type }) => type === 'OFFERS'),
    )) as unknown as { offers: { offers: { id: object }[] } };
    this.taken = this.stream.records.length;
    const operations = [{ type: 'LAUNCH', launch: { task_infos: [task] } }];
    await this.call('ACCEPT', { offer_ids: [offers.offers[0]!.id], operations, filters: { refuse_seconds: 0.1 } });
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

/**
 * A session as clients have it with a Mesos master and agent: each answer is kept as it came, what differs from run to
 * run apart, and all of them together are compared with those that the field gives.
 */
export class Session {
  private readonly steps: object[] = [];

  constructor(private readonly pair: TestPair) {}

  /** To the master; `json` makes it a POST, unless `how` says otherwise. */
  master(step: string, path: string, json?: unknown, how: Ask = {}): Promise<HttpAnswer> {
    return this.send(step, this.pair.master.daemon, path, json, how);
  }

  agent(step: string, path: string, json?: unknown, how: Ask = {}): Promise<HttpAnswer> {
    return this.send(step, this.pair.agent.daemon, path, json, how);
  }

  /** What a stream has brought, offers and what takes them back apart: those come when they come. */
  stream({ records, headers }: Subscription<Event>, step: string): void {
    const isKept = ({ type }: Event): boolean => !['HEARTBEAT', 'OFFERS', 'RESCIND'].includes(type);
    this.steps.push({ step, type: headers['content-type'], events: this.normal(records.filter(isKept)) });
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
    const { 'content-type': type, 'www-authenticate': challenge } = answer.headers;
    const body = type === 'application/json' ? (JSON.parse(answer.text) as unknown) : answer.text;
    this.steps.push({
      step,
      status: answer.status,
      ...(type !== undefined && { type }),
      ...(challenge !== undefined && { challenge }),
      ...(answer.text !== '' && { body: this.normal(body) }),
    });
    return answer;
  }

  private normal(body: unknown): unknown {
    const { master, agent } = this.pair;
    const text = JSON.stringify(normal(body, master.daemon))
      .replaceAll(`:${agent.daemon.port}`, ':5051')
      .replaceAll(agent.home, '/agent')
      .replace(/MASTER-O\d+/g, 'MASTER-O')
      .replace(/"uuid":"[^"]*"/g, '"uuid":"UUID"')
      .replace(/"(executor_pid)":\d+/g, '"$1":"PID"');
    return JSON.parse(text, (key, value: unknown) => (key === 'flags' ? 'FLAGS' : value));
  }
}
