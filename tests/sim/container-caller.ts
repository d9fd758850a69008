import type { ContainerCall } from '../../kernel/core/agent/container-messages.js';
import type { AgentNode } from './agent-node.js';
import type { World } from './world.js';

/** Asks agents for containers, alone and in what runs there, and kills, removes and waits for them as it likes. */
export class ContainerCaller {
  private counter = 0;

  constructor(private readonly world: World) {}

  start(): void {
    const { time, agents } = this.world;
    time.after(time.random.between(100, 20_000), () => {
      if (this.world.calm) return;
      const agent = time.random.pick(agents);
      if (agent.state?.phase === 'serving')
        agent.dispatch({ type: 'containerCalled', request: this.counter, call: this.call(agent) });
      this.counter += 1;
      this.start();
    });
  }

  private call({ state }: AgentNode): ContainerCall {
    const { random } = this.world.time;
    const runs = [...(state?.runs.keys() ?? [])].map((id) => [id]);
    const containers = [...(state?.containers.values() ?? [])].map(({ path }) => path);
    const path = random.pick([...runs, ...containers, ['nobody']]);
    const name = `c${this.counter}`;
    // What frameworks run is not this one's to end.
    const own = containers.filter((one) => one.at(-1)?.startsWith('c'));
    const mine = random.pick([...own, ['nobody']]);
    const environment = { variables: [{ name: 'SIM_LIFE_MS', value: String(random.pick([0, 5000, 100_000])) }] };
    const launch: ContainerCall = {
      type: 'launch',
      path: random.chance(0.3) ? [name] : [...path, name],
      session: random.chance(0.2),
      ask: { command: { value: 'sleep', environment }, resources: [] },
    };
    return random.pick<ContainerCall>([
      launch,
      launch,
      { type: 'wait', path },
      { type: 'kill', path: mine, signal: 9 },
      { type: 'remove', path: mine },
    ]);
  }
}
