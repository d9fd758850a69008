import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeContainerizer } from '@mezzo/sdk/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentFlags } from '../../kernel/main/agent-flags.js';
import { startAgent, type AgentDaemon } from '../../kernel/main/agent.js';
import { loadFlags } from '../../kernel/main/flags.js';
import { createLog } from '../../kernel/main/log.js';
import { until } from '../support/poll.js';
import { ScriptedMaster } from '../support/scripted-master.js';

/** The nested and standalone container calls of a real Mesos 1.12 agent, one after another, with what it answered. */

const home = mkdtempSync(join(tmpdir(), 'mezzo-containers-'));
const master = new ScriptedMaster();
let agent: AgentDaemon;

beforeAll(async () => {
  writeFileSync(join(home, 'join.token'), 'token');
  const argv = [`--work_dir=${home}`, '--port=0', `--master=${await master.listen()}`, '--resources=cpus:2;mem:2048'];
  agent = await startAgent(loadFlags(agentFlags, { argv, env: {} }), {
    containerizers: [new FakeContainerizer()],
    log: createLog({ daemon: 'agent', level: 'ERROR', quiet: true, dir: `${home}/log` }),
    onExit: () => {},
  });
  await until('registered', () => master.subscribed.length === 1);
});
afterAll(async () => {
  await agent.close();
  await master.close();
  rmSync(home, { recursive: true });
});

const JSON_TYPE = { 'Content-Type': 'application/json', Accept: 'application/json' };

async function post(body: object | string, headers: Record<string, string> = JSON_TYPE) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${agent.url}/api/v1`, { method: 'POST', headers, body: text });
  return { status: response.status, text: await response.text() };
}

/** `{"type": "WAIT_CONTAINER", "wait_container": {...}}`. */
const call = (type: string, more: object): object => ({ type, [type.toLowerCase()]: more });
const id = (value: string, parent?: string) => ({
  container_id: { value, ...(parent && { parent: { value: parent } }) },
});
const resources = [{ name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } }];
const both = { show_nested: true, show_standalone: true };
const invalid = 'Failed to validate agent::Call: ';

test.each<[body: object, status: number, text?: string]>([
  [call('LAUNCH_CONTAINER', { ...id('s'), command: { value: 'sleep 300' }, resources }), 200, ''],
  [call('LAUNCH_CONTAINER', { ...id('s'), command: { value: 'sleep 1' }, resources }), 202, ''],
  [{ type: 'GET_CONTAINERS' }, 200, '{"type":"GET_CONTAINERS"}'],
  [call('LAUNCH_NESTED_CONTAINER', { ...id('c', 's'), command: { value: 'exit 5' } }), 200, ''],
  [
    call('WAIT_NESTED_CONTAINER', id('c', 's')),
    200,
    '{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"exit_status":1280}}',
  ],
  [call('WAIT_CONTAINER', id('c', 's')), 200, '{"type":"WAIT_CONTAINER","wait_container":{"exit_status":1280}}'],
  [call('REMOVE_NESTED_CONTAINER', id('c', 's')), 200, ''],
  [call('WAIT_CONTAINER', id('c', 's')), 404, 'Container s.c cannot be found'],
  [call('KILL_NESTED_CONTAINER', id('zz', 's')), 404, "Container 's.zz' cannot be found (or is already killed)"],
  [
    call('LAUNCH_NESTED_CONTAINER', { ...id('c', 'nope'), command: { value: 'true' } }),
    400,
    'Parent container nope does not exist',
  ],
  [
    call('LAUNCH_CONTAINER', { ...id('a/b'), command: { value: 'true' } }),
    400,
    `${invalid}'launch_container.container_id' is invalid: 'a/b' contains invalid characters`,
  ],
  [
    call('LAUNCH_CONTAINER', { ...id('a.b'), command: { value: 'true' } }),
    400,
    `${invalid}'launch_container.container_id' is invalid: 'ContainerID.value' 'a.b' contains invalid characters`,
  ],
  [
    call('WAIT_CONTAINER', id('a', 'b c')),
    400,
    `${invalid}'wait_container.container_id' is invalid: 'ContainerID.parent' is invalid: 'ContainerID.value' 'b c' contains invalid characters`,
  ],
  [
    call('KILL_NESTED_CONTAINER', id('s')),
    400,
    `${invalid}Expecting 'kill_nested_container.container_id.parent' to be present`,
  ],
  [
    call('LAUNCH_NESTED_CONTAINER', { ...id('x'), command: { value: 'true' } }),
    400,
    `${invalid}Expecting 'launch_nested_container.container_id.parent' to be present`,
  ],
  [
    call('KILL_CONTAINER', { ...id('s'), signal: 900 }),
    400,
    `${invalid}'kill_container.signal' is 900, not between 1 and 64`,
  ],
  [
    call('LAUNCH_CONTAINER', { ...id('d'), command: { value: 'x' }, container: { type: 'DOCKER' } }),
    400,
    'The provided ContainerInfo is not supported',
  ],
  [call('REMOVE_CONTAINER', id('s')), 500, 'Nested container has not terminated yet'],
  [call('REMOVE_CONTAINER', id('x', 'nope')), 500, 'Unknown root container'],
  [call('KILL_CONTAINER', { ...id('s'), signal: 15 }), 200, ''],
  [call('WAIT_CONTAINER', id('s')), 200, '{"type":"WAIT_CONTAINER","wait_container":{"exit_status":15}}'],
  [call('REMOVE_CONTAINER', id('s')), 404, 'Container s has ended; what was left of it is removed'],
])('%j is answered as in Mesos', async (body, status, text) => {
  expect(await post(body)).toEqual({ status, text });
});

test('containers are shown where they are asked for', async () => {
  await post(call('LAUNCH_CONTAINER', { ...id('alone'), command: { value: 'sleep 300' } }));
  await post(call('LAUNCH_NESTED_CONTAINER', { ...id('in', 'alone'), command: { value: 'sleep 300' } }));
  const shown = async (what: object) => {
    const { text } = await post(call('GET_CONTAINERS', what));
    const { get_containers } = JSON.parse(text) as { get_containers?: { containers: object[] } };
    return get_containers?.containers ?? [];
  };
  const inner = { container_status: { container_id: { value: 'in', parent: { value: 'alone' } } } };
  expect(await shown({})).toEqual([]);
  expect(await shown({ show_nested: true })).toMatchObject([{ container_id: { value: 'in' }, ...inner }]);
  expect(await shown({ show_standalone: true })).toMatchObject([{ container_id: { value: 'alone' } }]);
  expect(await shown(both)).toHaveLength(2);
});

test('one who does not wait any longer is forgotten', async () => {
  const leave = new AbortController();
  const body = JSON.stringify(call('WAIT_CONTAINER', id('alone')));
  const waiting = fetch(`${agent.url}/api/v1`, { method: 'POST', headers: JSON_TYPE, body, signal: leave.signal });
  waiting.catch(() => {});
  await until('it waits', () => agent.state.waits.size === 1);
  leave.abort();
  await until('it is forgotten', () => agent.state.waits.size === 0);
});

const RECORDIO = { 'Content-Type': 'application/recordio' };
test.each<[headers: Record<string, string>, status: number, text: string]>([
  [{ ...JSON_TYPE, 'Message-Content-Type': 'application/json' }, 415, "'Message-Content-Type' to be not set"],
  [{ ...JSON_TYPE, 'Message-Accept': 'application/json' }, 406, "'Message-Accept' to be not set"],
  [{ ...JSON_TYPE, Accept: 'text/html' }, 406, "Expecting 'Accept' to allow application/json or"],
  [{ ...JSON_TYPE, Accept: 'application/recordio' }, 406, 'Streaming response is not supported for GET_HEALTH call'],
  [
    { ...JSON_TYPE, Accept: 'application/recordio', 'Message-Accept': 'text/html' },
    406,
    "Expecting 'Message-Accept' to allow application/json or application/x-protobuf",
  ],
  [RECORDIO, 400, "Expecting 'Message-Content-Type' to be set for streaming requests"],
  [{ ...RECORDIO, 'Message-Content-Type': 'text/html' }, 415, "Expecting 'Message-Content-Type' of application/json"],
  [{ 'Content-Type': 'text/html' }, 415, 'or application/x-protobuf or application/recordio'],
])('headers %j are refused with %i', async (headers, status, text) => {
  const answer = await post({ type: 'GET_HEALTH' }, headers);
  expect(answer).toEqual({ status, text: expect.stringContaining(text) });
});
