import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { root } from '../tidy/sources.js';

/** As vitest reads them: the sources, not a build. */
const sources: Plugin = {
  name: 'mezzo-sources',
  setup({ onResolve }) {
    onResolve({ filter: /^@mezzo\/sdk\// }, ({ path }) => {
      const rest = path.slice('@mezzo/sdk/'.length);
      return { path: join(root, 'sdk', rest.startsWith('points/') ? `${rest}.ts` : `${rest}/index.ts`) };
    });
  },
};

/** One module and all that it imports as a file that plain node runs, for tests that need a process of their own. */
export async function bundle(entry: string): Promise<string> {
  const outfile = join(mkdtempSync(join(tmpdir(), 'mezzo-bundle-')), `${basename(entry, '.ts')}.mjs`);
  await build({
    ...{ entryPoints: [join(root, entry)], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20' },
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    plugins: [sources],
    // Large, and loaded by few: found beside the bundle by those.
    external: ['dockerode'],
    logLevel: 'warning',
  });
  return outfile;
}
