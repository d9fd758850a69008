import type { BuildOptions } from 'esbuild';
import { MezzoError, messageOf } from '@mezzo/sdk/contract';

/** The host links the SDK; compiled addons cannot be bundled. */
const EXTERNAL = ['@mezzo/sdk/*', '*.node', 'cpu-features'];
/** For what comes from CommonJS. */
const BANNER =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

type Where = Pick<BuildOptions, 'entryPoints' | 'outfile' | 'outdir' | 'outExtension' | 'sourcemap'>;

/** Sources of a plugin with all that they import, the SDK left out. Throws PLUGIN_SOURCE_INVALID, which names file and line. */
export async function bundle(where: Where): Promise<void> {
  // Loaded when it is needed: most commands start without it.
  const { build } = await import('esbuild');
  try {
    await build({
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external: EXTERNAL,
      banner: { js: BANNER },
      logLevel: 'silent',
      ...where,
    });
  } catch (cause) {
    const files = [where.entryPoints].flat().join(', ');
    throw sourceInvalid(`${files} cannot be bundled: ${messageOf(cause)}`, 'correct it, and try again');
  }
}

export const sourceInvalid = (problem: string, next = 'make a package with `mezzo plugin create DIR`'): MezzoError =>
  new MezzoError('PLUGIN_SOURCE_INVALID', problem, { blame: 'user', next });
