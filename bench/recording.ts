import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmulatedAgent, each } from './load/agents.js';
import { Channel } from './load/channel.js';
import { LoadFramework } from './load/framework.js';
import { LoadedMaster } from './load/master.js';
import { median, round, type Report } from './row.js';

/** What `mezzo master --record` costs: two masters, one of them recorded, launch in turns what `load launches` launches. */
const ROUNDS = 16;
const AGENTS = 300;
const TASKS = { 10: 6_000, 1: 2_000 } as const;

interface Side {
  readonly master: LoadedMaster;
  readonly agents: readonly EmulatedAgent[];
  readonly framework: LoadFramework;
}

async function sideOf(name: string, flags: readonly string[]): Promise<Side> {
  const master = new LoadedMaster(flags);
  await master.start();
  const headers = EmulatedAgent.headers(await master.token());
  const channels = Array.from({ length: 16 }, () => new Channel(master.url));
  const agents = Array.from({ length: AGENTS }, (_, i) => new EmulatedAgent(master.url, headers, i, channels[i % 16]!));
  await each(agents, 50, (agent) => agent.register(agent.body()));
  const framework = new LoadFramework(master.url, name);
  await framework.subscribe();
  return { master, agents, framework };
}

export async function run(report: Report): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'mezzo-recording-'));
  const file = join(dir, 'master.rec');
  const off = await sideOf('off', []);
  const on = await sideOf('on', [`--record=${file}`, '--record-size=100000']);
  for (const perAccept of [10, 1] as const) {
    const tasks = TASKS[perAccept];
    const [offMs, onMs]: [number[], number[]] = [[], []];
    const before = statSync(file).size;
    for (let i = 0; i < ROUNDS; i++) {
      const turns = [[off, offMs] as const, [on, onMs] as const];
      for (const [side, times] of i % 2 === 0 ? turns : turns.reverse()) {
        const { cpuMs } = side.master;
        await side.framework.run(tasks, perAccept);
        times.push((side.master.cpuMs - cpuMs) / tasks);
      }
    }
    report({
      name: `recorded launches, ${perAccept} per ACCEPT: CPU of the master`,
      value: round(median(onMs)),
      unit: 'ms/task',
      ...{
        peer: 'not recorded, in turns',
        peerValue: round(median(offMs)),
        // Of each pair: the machine's moods are in both.
        ratio: round(median(offMs.map((ms, i) => ms / onMs[i]!))),
      },
    });
    const bytes = (statSync(file).size - before) / (ROUNDS * tasks);
    report({ name: `recorded launches, ${perAccept} per ACCEPT: size`, value: round(bytes), unit: 'B/task' });
  }
  for (const { master, agents } of [off, on]) {
    for (const agent of agents) agent.close();
    await master.remove();
  }
  rmSync(dir, { recursive: true, force: true });
}
