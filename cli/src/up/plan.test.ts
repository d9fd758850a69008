import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planUp } from './plan.js';

const machine = { cpus: 4, memMib: 8192, diskMib: 100_000 };
const amount = (text: string, name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(text)?.[1]);
const ports = (text: string) => /ports:\[(\d+)-(\d+)\]/.exec(text)!.slice(1).map(Number) as [number, number];

test('agents together never promise more than the machine has, and share no port', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 30_000 }), (agents, portOffset) => {
      const plan = planUp(machine, { agents, portOffset });
      const sum = (name: string) => plan.agents.reduce((total, agent) => total + amount(agent.resources, name), 0);
      expect(sum('cpus')).toBeLessThanOrEqual(machine.cpus + 1e-9);
      expect(sum('mem')).toBeLessThan(machine.memMib);
      let previous = 0;
      for (const agent of plan.agents) {
        const [low, high] = ports(agent.resources);
        expect(low).toBeGreaterThan(previous);
        expect(high).toBeGreaterThanOrEqual(low);
        previous = high;
      }
    }),
  );
});

test('an offset moves every port by the same amount', () => {
  const base = planUp(machine, { agents: 2, portOffset: 0 });
  const moved = planUp(machine, { agents: 2, portOffset: 3000 });
  expect(moved.ports.map(({ port }) => port - 3000)).toEqual(base.ports.map(({ port }) => port));
  expect(ports(moved.agents[0]!.resources)[0]).toBe(ports(base.agents[0]!.resources)[0] + 3000);
});

test.each([1, 3, 5])(
  '%i masters, their plugins, their ZooKeepers and as many agents as can be share no port',
  (masters) => {
    const {
      ports: all,
      masters: planned,
      zookeepers,
    } = planUp({ cpus: 64, memMib: 262_144, diskMib: 10_000_000 }, { agents: 250, portOffset: 0, masters });
    const wanted = all.map(({ port, udp }) => `${port}${udp ? ' udp' : ''}`);
    expect(new Set(wanted).size).toBe(wanted.length);
    expect(planned).toHaveLength(masters);
    expect(zookeepers).toHaveLength(masters === 1 ? 0 : masters);
  },
);

test('too little memory is refused with the amounts in the message', () => {
  expect(() => planUp({ ...machine, memMib: 300 }, { agents: 1, portOffset: 0 })).toThrow(
    /300 MiB .* too little .* 512 MiB/,
  );
});

test('an offset that would leave the range of ports is refused', () => {
  expect(() => planUp(machine, { agents: 1, portOffset: 40_000 })).toThrow(/at most 33535/);
});
