import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Tests read the sources, so that a red test never depends on a stale build; e2e alone starts what was built. */
const alias = [
  { find: /^@mezzo\/sdk\/points\/(.*)$/, replacement: at('sdk/points/$1.ts') },
  {
    find: /^@mezzo\/sdk\/(contract|runtime|api|framework|package|backup|secrets|store|testing)$/,
    replacement: at('sdk/$1/index.ts'),
  },
  { find: /^@mezzo\/kernel\/(.*)$/, replacement: at('kernel/$1.ts') },
];

const project = (name: string, include: string[], testTimeout: number, serial = false) => ({
  resolve: { alias },
  test: {
    name,
    include,
    // Those of templates and examples are for `mezzo plugin test`.
    exclude: ['**/node_modules/**', '**/dist/**', 'cli/templates/**'],
    pool: 'forks' as const,
    setupFiles: [at('tests/setup.ts')],
    testTimeout,
    hookTimeout: testTimeout,
    ...(serial ? { fileParallelism: false } : {}),
  },
});

export default defineConfig({
  test: {
    // The process that waits for them needs next to no time; with the default of one less, two cores run one file at a time.
    maxWorkers: '100%',
    projects: [
      project('unit', ['{sdk,kernel,plugins,cli}/**/*.test.ts'], 20_000),
      project('tidy', ['tests/tidy/**/*.test.ts'], 60_000),
      project('golden', ['tests/golden/**/*.test.ts'], 30_000),
      // The trace of one seed is something to read, no test of its own.
      project(
        'sim',
        [`tests/sim/${process.env.MEZZO_SIM_TRACE ? 'trace' : '{sim,planted,recording,sweep-*}'}.test.ts`],
        240_000,
      ),
      project('contract', ['tests/contract/**/*.test.ts'], 60_000, true),
      project('upgrade', ['tests/upgrade/**/*.test.ts'], 60_000, true),
      project('integration', ['tests/integration/**/*.test.ts'], 120_000),
      project('e2e', ['tests/e2e/**/*.test.ts'], 240_000),
      // Not part of `npm test`: `npm run test:soak`.
      project('soak', ['tests/soak/**/*.test.ts'], 600_000, true),
    ],
  },
});
