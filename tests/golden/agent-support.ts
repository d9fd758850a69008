import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeContainerizer } from '@mezzo/sdk/testing';
import { agentFlags } from '../../kernel/main/agent-flags.js';
import { startAgent, type AgentDaemon } from '../../kernel/main/agent.js';
import { loadFlags } from '../../kernel/main/flags.js';
import { createLog } from '../../kernel/main/log.js';
import { until } from '../support/poll.js';
import { ScriptedMaster } from '../support/scripted-master.js';

export interface TestAgentDaemon {
  readonly daemon: AgentDaemon;
  readonly master: ScriptedMaster;
  readonly home: string;
  close(): Promise<void>;
}

/** A whole agent on a free port, which a scripted master has let in. */
export async function startTestAgent(args: readonly string[] = []): Promise<TestAgentDaemon> {
  const home = mkdtempSync(join(tmpdir(), 'mezzo-golden-'));
  const master = new ScriptedMaster();
  writeFileSync(join(home, 'join.token'), 'token');
  const argv = [
    ...[`--work_dir=${home}`, '--port=0', `--master=${await master.listen()}`, `--log_dir=${home}/log`],
    ...args,
  ];
  const daemon = await startAgent(loadFlags(agentFlags, { argv, env: {} }), {
    containerizers: [new FakeContainerizer()],
    log: createLog({ daemon: 'agent', level: 'INFO', quiet: true, dir: `${home}/log` }),
    onExit: () => {},
  });
  await until('registered', () => master.subscribed.length === 1);
  return {
    daemon,
    master,
    home,
    close: async () => {
      await daemon.close();
      await master.close();
      rmSync(home, { recursive: true });
    },
  };
}
