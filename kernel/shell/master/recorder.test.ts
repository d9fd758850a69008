import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asId, type ConnectionId, type Logger } from '@mezzo/sdk/contract';
import { encodeMessage, messageToJson, type SchedulerCall, type SchedulerEvent } from '@mezzo/sdk/api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MemoryStore } from '@mezzo/sdk/store';
import {
  createMasterState,
  masterMachine,
  type MasterEvent,
  type MasterOptions,
  type MasterState,
  type Wire,
} from '../../core/master/index.js';
import type { DownRecord } from '../../core/protocol.js';
import { frameworkInfo, options, resources, task } from '../../../tests/support/master-harness.js';
import { until } from '../../../tests/support/poll.js';
import { systemClock, systemRandom } from '../clock.js';
import { toWireJson } from '../wire-json.js';
import { MasterShell, type Sink } from './master-shell.js';
import { Recorder } from './recorder.js';
import { readRecording } from './recording.js';
import { Replay, stateDigest, type Replayed } from './replay.js';

let file: string;
let warnings: string[];
beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'mezzo-recorder-')), 'master.rec');
  warnings = [];
});
afterEach(() => rmSync(join(file, '..'), { recursive: true, force: true }));

const nothing = (): void => undefined;
const log: Logger = {
  ...{ debug: nothing, info: nothing, error: nothing },
  warn: (message: string) => void warnings.push(message),
  child: () => log,
};
const recorderOf = (maxBytes = 2 ** 30) => new Recorder({ file, maxBytes, mezzo: '0.1.0', log });

function sink(take: (record: string) => void): Sink {
  return {
    format: 'json',
    send: (record) => (take(String(record)), true),
    sendBig: nothing,
    beat: nothing,
    close: nothing,
  };
}

/** How a call comes: from nowhere, as JSON, as protobuf. */
const name = 'mesos.v1.scheduler.Call';
const wires: readonly ((call: SchedulerCall) => Wire | undefined)[] = [
  () => undefined,
  (call) => ({ format: 'json', bytes: Buffer.from(messageToJson(name, call)) }),
  (call) => ({ format: 'protobuf', bytes: encodeMessage(name, call) }),
];

/** A master with an agent and a framework that launches tasks. */
async function lived(
  recorder: Recorder,
  tasks = 3,
  more: Partial<MasterOptions> = {},
  meanwhile: (task: number) => Promise<unknown> | undefined = () => undefined,
): Promise<MasterState> {
  const state = createMasterState(
    options({ allocationIntervalMs: 0, ...more, authorizer: recorder.listenTo(more.authorizer) }),
  );
  const store = new MemoryStore();
  const machine = recorder.record(masterMachine);
  const fail = (error: unknown) => {
    throw error;
  };
  const shell = new MasterShell({ state, machine, clock: systemClock, random: systemRandom, log, onFatal: fail });
  shell.lead(store, await store.startEpoch());
  const [scheduler, agent] = [asId<ConnectionId>('scheduler'), asId<ConnectionId>('agent')];
  const events: SchedulerEvent[] = [];
  shell.subscribeScheduler(
    scheduler,
    sink((text) => events.push(JSON.parse(text) as SchedulerEvent)),
    { frameworkInfo: frameworkInfo() },
    undefined,
  );
  let seq = 0;
  const told: DownRecord[] = [];
  shell.subscribeAgent(
    agent,
    sink((text) => told.push(JSON.parse(text) as DownRecord)),
    {
      ...{ protocol: 1, agentInfo: { hostname: 'host', port: 5051 }, address: '10.0.0.1:5051', version: '0.1.0' },
      ...{ resources: resources('cpus:64;mem:4096'), tasks: [], executors: [], operations: [], frameworks: [] },
    },
  );
  const frameworkId = { value: [...state.frameworks.keys()][0]! };
  for (let i = 0; i < tasks; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await meanwhile(i);
    const [offer] = [...state.offers.values()];
    const taskInfos = [
      task(`t${i}`, offer!.message, 'cpus:0.1;mem:1', { data: Buffer.from([i, 255]).toString('base64') }),
    ];
    const accept = {
      offerIds: [offer!.message.id],
      operations: [{ type: 'LAUNCH' as const, launch: { taskInfos } }],
      filters: { refuseSeconds: 0 },
    };
    const call = { type: 'ACCEPT' as const, frameworkId, accept };
    const wire = wires[i % wires.length]?.(call);
    await shell.call((request) => ({ type: 'schedulerCalled', request, call, connection: scheduler, wire }));
    const status = {
      ...{ taskId: { value: `t${i}` }, state: 'TASK_RUNNING' as const, uuid: `u${i}`, timestamp: 1 },
      containerStatus: { cgroupInfo: { netCls: { classid: i } } },
    };
    const calls = [
      { type: 'statusUpdate' as const, frameworkId: frameworkId.value, status, latestState: status.state },
    ];
    const batch = { session: agent, seq: ++seq, seen: 0, calls };
    const said = { format: 'json' as const, bytes: Buffer.from(toWireJson(batch)) };
    await shell.call((request) => ({ type: 'agentCalled', request, batch, ...(i % 2 === 0 && { wire: said }) }));
  }
  shell.lost(scheduler);
  await new Promise((resolve) => setImmediate(resolve));
  shell.stop();
  await store.close();
  return state;
}

function replayed(): {
  replay: Replay;
  told: Replayed[];
  events: Extract<Replayed, { kind: 'event' }>[];
  notes: string[];
} {
  const replay = new Replay(file);
  const told = [...replay.run()];
  const events = told.flatMap((one) => (one.kind === 'event' ? [one] : []));
  return { replay, told, events, notes: told.flatMap((one) => (one.kind === 'note' ? [one.text] : [])) };
}

test('a recorded master is stepped through again to the same state', async () => {
  const recorder = recorderOf();
  const state = await lived(recorder);
  await recorder.close();
  const { replay, events, notes } = replayed();
  expect(notes).toEqual([]);
  expect(events.map(({ event }) => event.type)).toEqual([
    ...['elected', 'schedulerSubscribed', 'agentSubscribed'],
    ...Array.from({ length: 3 }, () => ['schedulerCalled', 'agentCalled']).flat(),
    'connectionClosed',
  ]);
  expect(events.filter(({ matches }) => !matches)).toEqual([]);
  expect(stateDigest(replay.state!)).toBe(stateDigest(state));
  expect(stateDigest(createMasterState(options()))).not.toBe(stateDigest(state));
});

test('what the authorizer answered is recorded, and asked again by nobody', async () => {
  const recorder = recorderOf();
  const authorizer = { name: 'some', approver: () => (object?: string) => object !== 'nobody' };
  const state = await lived(recorder, 2, { authorizer });
  await recorder.close();
  const { replay, events } = replayed();
  expect(events.every(({ matches }) => matches)).toBe(true);
  expect([...replay.state!.frameworks.values()].flatMap(({ tasks }) => [...tasks.keys()])).toEqual([]);
  expect(stateDigest(replay.state!)).toBe(stateDigest(state));
});

test('it is for its owner alone, and what was there before is kept beside it', async () => {
  writeFileSync(file, 'before');
  const recorder = recorderOf();
  await lived(recorder);
  await recorder.close();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('before');
});

test('a file that ends amid a record is stepped through as far as it goes', async () => {
  const recorder = recorderOf();
  await lived(recorder, 100);
  await recorder.close();
  const whole = replayed().events.length;
  truncateSync(file, statSync(file).size - 3);
  const { events, notes } = replayed();
  expect(whole).toBe(204);
  expect(events.length).toBeLessThan(whole);
  expect(events.length).toBeGreaterThan(whole - 33);
  expect(events.every(({ matches }) => matches)).toBe(true);
  expect(notes).toEqual([expect.stringContaining('amid a record')]);
});

test('a process that ends leaves nothing unwritten', async () => {
  const recorder = recorderOf();
  const running = lived(recorder, 0);
  recorder.flush();
  await running;
  recorder.flush();
  expect(replayed().events.map(({ event }) => event.type)).toEqual([
    ...['elected', 'schedulerSubscribed', 'agentSubscribed', 'connectionClosed'],
  ]);
  await recorder.close();
});

test('two files hold the last of a long run: the rest is shown, and not stepped through', async () => {
  const recorder = recorderOf(20_000);
  let before = -1;
  const hasNext = () => {
    const [first] = readRecording(file);
    const last = before;
    if (first?.kind === 'header') before = first.header.before;
    return before > last;
  };
  await lived(recorder, 260, {}, (i) => (i % 80 === 79 ? until('another file', hasNext) : undefined));
  await recorder.close();
  const { replay, events, notes } = replayed();
  expect(notes).toEqual([expect.stringMatching(/^its first \d+ events are gone/)]);
  expect(events.at(-1)!.number).toBe(524);
  expect(replay.state).toBeUndefined();
  expect(statSync(file).size + statSync(`${file}.1`).size).toBeLessThan(180_000);
});

test('a run in two files is stepped through whole', async () => {
  const before = recorderOf();
  await lived(before, 100);
  await before.close();
  const half = 0.6 * statSync(file).size;
  rmSync(file);
  const recorder = recorderOf(2 * half);
  const isFull = () => existsSync(`${file}.1`) || (existsSync(file) && statSync(file).size >= half);
  const state = await lived(recorder, 100, {}, (i) => (i === 80 ? until('a full file', isFull) : undefined));
  await until('the rest has a file of its own', () => existsSync(`${file}.1`));
  await recorder.close();
  expect([...readRecording(`${file}.1`)].length).toBeGreaterThan(10);
  const { replay, events } = replayed();
  expect(events).toHaveLength(204);
  expect(events.every(({ matches }) => matches)).toBe(true);
  expect(stateDigest(replay.state!)).toBe(stateDigest(state));
});

test('what cannot be written is a gap, and the master goes on', async () => {
  const recorder = recorderOf();
  const machine = recorder.record(masterMachine);
  const state = createMasterState(options());
  const elected = {
    type: 'elected' as const,
    epoch: 1,
    registry: undefined,
    agents: new Map(),
    frameworks: new Map(),
    roles: new Map(),
  };
  machine.step(state, elected, 1);
  machine.step(state, { type: 'timerFired', id: 'x', more: () => 'x' } as MasterEvent, 2);
  machine.step(state, { type: 'timerFired', id: 'late' }, 3);
  await recorder.close();
  const { replay, events, notes } = replayed();
  expect(events.map(({ number, atMs }) => [number, atMs])).toEqual([
    [1, 1],
    [3, 3],
  ]);
  expect(notes).toEqual([expect.stringContaining('1 events are missing')]);
  expect(warnings).toEqual(['the recording has a gap']);
  expect(replay.state).toBeUndefined();
});

test('a policy that a plugin brought is code, which no recording holds: it says so', async () => {
  const recorder = recorderOf();
  const machine = recorder.record(masterMachine);
  const state = createMasterState(options({ allocatorPolicy: 'first-come' }));
  machine.step(state, { type: 'whitelistChanged', hosts: undefined }, 1);
  machine.step(state, { type: 'policyChosen', policy: { name: 'first-come', admits: () => true } }, 2);
  machine.step(state, { type: 'timerFired', id: 'late' }, 3);
  await recorder.close();
  const { replay, events, notes } = replayed();
  expect(events.map(({ number }) => number)).toEqual([1, 3]);
  expect(notes).toEqual([expect.stringContaining('the policy first-come is code of a plugin')]);
  expect([replay.header?.options.allocatorPolicy, replay.state]).toEqual(['first-come', undefined]);
});

test('a disk that is too slow leaves a gap: no more than 16 MiB wait for it', async () => {
  const recorder = recorderOf();
  const machine = recorder.record(masterMachine);
  const state = createMasterState(options());
  const hosts = Array.from({ length: 100 }, (_, i) => `host-${i}`.padEnd(1_000, '-'));
  for (let i = 0; i < 600; i++) machine.step(state, { type: 'whitelistChanged', hosts: [...hosts] }, i);
  await recorder.close();
  const { notes, events } = replayed();
  expect(notes).toEqual([expect.stringMatching(/^\d+ events are missing \(the disk was too slow\)/)]);
  expect(events.length).toBeLessThan(400);
  expect(statSync(file).size).toBeLessThan(30 << 20);
});

test('a disk that fails ends the recording, and not the master', async () => {
  const recorder = recorderOf();
  rmSync(join(file, '..'), { recursive: true });
  const state = await lived(recorder);
  await recorder.close();
  expect(warnings).toEqual(['the recording ends, and the master goes on']);
  expect(state.frameworks.size).toBe(1);
});

test('a directory that is not there is named at the start', () => {
  expect(() => new Recorder({ file: '/nowhere/x', maxBytes: 1, mezzo: '', log })).toThrow(/flag --record.*nowhere/);
});

test('a recording of a later format, and what is none, are refused', () => {
  writeFileSync(file, 'mezzo-recording 3\n');
  expect(() => replayed()).toThrow(expect.objectContaining({ code: 'RECORDING_TOO_NEW' }) as Error);
  writeFileSync(file, 'something else');
  expect(() => replayed()).toThrow(expect.objectContaining({ code: 'RECORDING_UNREADABLE' }) as Error);
  rmSync(file);
  expect(() => replayed()).toThrow(expect.objectContaining({ code: 'RECORDING_UNREADABLE' }) as Error);
});

test('a step that does something else than it did is told, and none after it that does not', async () => {
  const recorder = recorderOf();
  await lived(recorder);
  await recorder.close();
  const bytes = readFileSync(file);
  const at = bytes.indexOf('m-O1');
  bytes.write('x', at, 'latin1');
  writeFileSync(file, bytes);
  const { events } = replayed();
  const [first] = events.filter(({ matches }) => !matches);
  expect(first?.number).toBe(6);
});
