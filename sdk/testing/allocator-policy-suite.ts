import assert from 'node:assert/strict';
import type { AgentInfo, FrameworkInfo } from '../api/messages.js';
import type { AllocatorPolicy, Contender } from '../points/allocator-policy.js';
import type { Law } from './containerizer-suite.js';
import { frozen } from './frozen.js';

export interface AllocatorPolicySuiteOptions {
  readonly policy: AllocatorPolicy;
  /** What it makes something of; asked beside those of the suite. */
  readonly frameworks?: readonly FrameworkInfo[];
  readonly roles?: readonly string[];
  readonly agents?: readonly AgentInfo[];
}

const LAW_TIMEOUT_MS = 10_000;
/** A run of the allocator over a large cluster asks some millions of times. */
const QUESTIONS = 20_000;
const MAX_MEAN_MICROS = 100;
const NAMES = ['', 'marathon', '__proto__', '*', 'x'.repeat(1_000), '\u0000'];
const ROLES = ['*', 'web', 'web/a', 'web/a/b', '__proto__', 'x'.repeat(1_000)];
const SHARES = [0, 1e-9, 0.5, 1];
const WEIGHTS = [1e-6, 1, 1e6];

/** What every policy of the allocator must hold to. */
export function allocatorPolicySuite(options: AllocatorPolicySuiteOptions): Law[] {
  const { policy } = options;
  const law = (title: string, run: () => void): Law => ({ title, timeoutMs: LAW_TIMEOUT_MS, run: async () => run() });
  const roles = [...ROLES, ...(options.roles ?? [])];
  const frameworks = frozen([...NAMES.map((name) => ({ user: '', name })), ...(options.frameworks ?? [])]);
  const agents = frozen([...NAMES.map((hostname) => ({ hostname })), ...(options.agents ?? []), ...ODD_AGENTS]);
  const contenders = frozen([...contendersOf(roles, frameworks)]);
  const triples = roles.flatMap((role) =>
    frameworks.flatMap((framework) => agents.map((agent) => [framework, role, agent] as const)),
  );
  return [
    law('it has a name that can be written in a flag', () => assert.match(policy.name, /^[a-z\d]+(-[a-z\d]+)*$/)),
    law('each rank is a finite number, at once, and the same each time, in whichever order it is asked', () => {
      const first = contenders.map((contender) => policy.rank?.(contender));
      for (const [i, rank] of first.entries())
        assert.ok(policy.rank === undefined || Number.isFinite(rank), `${contenders[i]!.role}: ${String(rank)}`);
      const again = contenders.toReversed().map((contender) => policy.rank?.(contender));
      assert.deepEqual(again.reverse(), first);
    }),
    law('who may go where is true or false, at once, and the same each time, in whichever order it is asked', () => {
      const first = triples.map((triple) => policy.admits?.(...triple));
      for (const [i, answer] of first.entries())
        assert.ok(policy.admits === undefined || typeof answer === 'boolean', `${triples[i]![1]}: ${String(answer)}`);
      const again = triples.toReversed().map((triple) => policy.admits?.(...triple));
      assert.deepEqual(again.reverse(), first);
    }),
    law(`it answers within ${MAX_MEAN_MICROS} µs on average`, () => {
      const startMs = performance.now();
      for (let i = 0; i < QUESTIONS; i++) {
        policy.rank?.(contenders[i % contenders.length]!);
        policy.admits?.(...triples[i % triples.length]!);
      }
      const micros = ((performance.now() - startMs) * 1000) / QUESTIONS;
      assert.ok(micros < MAX_MEAN_MICROS, `${micros.toFixed(1)} µs`);
    }),
  ];
}

/** What an agent may lack, and attributes of all types. */
const ODD_AGENTS: readonly AgentInfo[] = [
  {
    hostname: 'h',
    attributes: [
      { name: 'a', type: 'TEXT' },
      { name: '__proto__', type: 'TEXT', text: { value: 'web' } },
      { name: 'b', type: 'SCALAR', scalar: { value: 1 } },
      { name: 'c', type: 'SET', set: { item: ['x'] } },
      { name: 'd', type: 'RANGES', ranges: { range: [{ begin: 1n, end: 2n }] } },
    ],
  },
];

function* contendersOf(roles: readonly string[], frameworks: readonly FrameworkInfo[]): Iterable<Contender> {
  for (const role of roles)
    for (const dominantShare of SHARES)
      for (const weight of WEIGHTS) {
        const standing = { role, weight, dominantShare, shareOf: () => dominantShare };
        yield { kind: 'role', ...standing };
        yield { kind: 'members', ...standing };
        for (const framework of frameworks) yield { kind: 'framework', framework, ...standing };
      }
}
