import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MasterEvent, Task, TaskState } from '@mezzo/sdk/api';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { OPERATOR_EVENTS, type OperatorEventsFactory } from '@mezzo/sdk/framework';
import { PluginHarness } from '@mezzo/sdk/testing';
import plugin from './plugin.js';
import { hostsText, RunningTasks } from './running-tasks.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

const task = (id: string, state: TaskState): Task => ({
  taskId: { value: id },
  name: `The ${id}`,
  frameworkId: { value: 'F1' },
  agentId: { value: 'S1' },
  state,
  resources: [],
});
const snapshot: MasterEvent = {
  type: 'SUBSCRIBED',
  subscribed: {
    getState: {
      getAgents: { agents: [{ agentInfo: { id: { value: 'S1' }, hostname: '10.0.0.1' }, active: true, version: '1' }] },
      getFrameworks: {
        frameworks: [
          {
            frameworkInfo: { id: { value: 'F1' }, name: 'marathon', user: 'root' },
            ...{ active: true, connected: true, recovered: false },
          },
        ],
      },
      getTasks: { tasks: [task('web', 'TASK_RUNNING'), task('soon', 'TASK_STAGING')] },
    },
  },
};
const update = (id: string, state: TaskState, ip?: string): MasterEvent => ({
  type: 'TASK_UPDATED',
  taskUpdated: {
    frameworkId: { value: 'F1' },
    state,
    status: {
      taskId: { value: id },
      state,
      ...(ip && { containerStatus: { networkInfos: [{ ipAddresses: [{ ipAddress: ip }] }] } }),
    },
  },
});

test('what runs has a line, under its own address or that of its agent', () => {
  const running = new RunningTasks();
  running.take(snapshot);
  assert.equal(hostsText(running.places(), 'cluster'), '10.0.0.1 the-web.marathon.cluster\n');
  running.take(update('soon', 'TASK_RUNNING', '172.16.0.2'));
  assert.equal(
    hostsText(running.places(), 'cluster'),
    '172.16.0.2 the-soon.marathon.cluster\n10.0.0.1 the-web.marathon.cluster\n',
  );
});

test('what has ended, or was on an agent that is gone, has none', () => {
  const running = new RunningTasks();
  running.take(snapshot);
  running.take(update('web', 'TASK_FINISHED'));
  assert.deepEqual(running.places(), []);
  running.take(snapshot);
  running.take({ type: 'AGENT_REMOVED', agentRemoved: { agentId: { value: 'S1' } } });
  assert.deepEqual(running.places(), []);
});

test('the plugin writes into its state directory what it serves', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), '__ID__-'));
  const harness = await PluginHarness.start(plugin, {
    manifest,
    cluster: { stateDir },
    services: (root) => root.value(OPERATOR_EVENTS, scripted([snapshot])),
  });
  assert.equal(harness.state, 'active', harness.reason);
  const { url } = harness.endpoints.list[0]!;
  const expected = '10.0.0.1 the-web.marathon.cluster\n';
  await eventually(async () => (await (await fetch(`${url}/hosts`)).text()) === expected);
  await eventually(() => readFileSync(join(stateDir, 'hosts'), 'utf8') === expected);
  assert.equal((await fetch(`${url}/health`)).status, 200);
  await harness.stop();
  rmSync(stateDir, { recursive: true });
});

/** A stream of these events, that stays open until it is closed. */
function scripted(events: readonly MasterEvent[]): OperatorEventsFactory {
  return {
    subscribe() {
      let close = (): void => {};
      const closed = new Promise<void>((resolve) => (close = resolve));
      return {
        connected: true,
        close: async () => close(),
        async *[Symbol.asyncIterator]() {
          yield* events;
          await closed;
        },
      };
    },
  };
}

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; ; await sleep(20)) {
    if (
      await Promise.resolve()
        .then(holds)
        .catch(() => false)
    )
      return;
    assert.ok(Date.now() < deadline, 'not within 10 s');
  }
}
