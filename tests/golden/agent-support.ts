import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintToken } from '@mezzo/sdk/secrets';
import { FakeContainerizer } from '@mezzo/sdk/testing';
import { agentFlags } from '../../kernel/main/agent-flags.js';
import { startAgent, type AgentDaemon } from '../../kernel/main/agent.js';
import { loadFlags } from '../../kernel/main/flags.js';
import { createLog } from '../../kernel/main/log.js';
import { until } from '../support/poll.js';
import { ScriptedMaster } from '../support/scripted-master.js';
import { ask, startTestMaster, type TestMaster } from './master-support.js';

export interface TestAgentDaemon {
  readonly daemon: AgentDaemon;
  readonly master: ScriptedMaster;
  readonly home: string;
  close(): Promise<void>;
}

/** A whole agent on a free port, which a scripted master has let in. */
export async function startTestAgent(args: readonly string[] = []): Promise<TestAgentDaemon> {
  const master = new ScriptedMaster();
  const { daemon, home, close } = await startAgentOf(await master.listen(), 'token', args);
  await until('registered', () => master.subscribed.length === 1);
  return {
    daemon,
    master,
    home,
    close: async () => {
      await close();
      await master.close();
    },
  };
}

export interface TestPair {
  readonly master: TestMaster;
  readonly agent: { readonly daemon: AgentDaemon; readonly home: string; readonly containerizer: FakeContainerizer };
  close(): Promise<void>;
}

/** A whole master and a whole agent that is registered; what runs there is pretended. */
export async function startTestPair(
  masterArgs: readonly string[] = [],
  agentArgs: readonly string[] = [],
): Promise<TestPair> {
  const master = await startTestMaster(['--hostname=localhost', ...masterArgs]);
  const token = await mintToken(master.daemon.clusterKey, { uid: 'agent', scope: 'agent' }, 3600);
  const agent = await startAgentOf(`127.0.0.1:${master.daemon.port}`, token, [
    '--hostname=localhost',
    '--resources=cpus:2;mem:2048;disk:4096;ports:[31000-32000]',
    '--attributes=rack:r1;zone:z1;level:3',
    ...agentArgs,
  ]);
  const hasRegistered = async (): Promise<boolean> => {
    const { text } = await ask(agent.daemon, '/metrics/snapshot');
    return (JSON.parse(text) as Record<string, number>)['slave/registered'] === 1;
  };
  await until('registered', hasRegistered, 15_000, 10);
  return {
    master,
    agent,
    close: async () => {
      await agent.close();
      await master.close();
    },
  };
}

/** What runs there is pretended. */
export async function startAgentOf(master: string, token: string, args: readonly string[]) {
  const home = mkdtempSync(join(tmpdir(), 'mezzo-golden-'));
  writeFileSync(join(home, 'join.token'), token);
  const argv = [`--work_dir=${home}`, '--port=0', `--master=${master}`, `--log_dir=${home}/log`, ...args];
  const containerizer = new FakeContainerizer();
  const daemon = await startAgent(loadFlags(agentFlags, { argv, env: {} }), {
    containerizers: [containerizer],
    log: createLog({ daemon: 'agent', level: 'INFO', quiet: true, dir: `${home}/log` }),
    onExit: () => {},
  });
  return {
    daemon,
    home,
    containerizer,
    close: async () => {
      await daemon.close();
      rmSync(home, { recursive: true });
    },
  };
}
