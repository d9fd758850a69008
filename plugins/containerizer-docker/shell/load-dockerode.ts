import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type Docker from 'dockerode';

/**
 * The client library takes 20 MB of memory: it is loaded only where an engine may answer. A part of it that is not used wants
 * `__dirname`, which there is none of in a bundle of ES modules.
 */
export async function loadDockerode(): Promise<typeof Docker> {
  const scope = globalThis as { __dirname?: string };
  scope.__dirname ??= dirname(fileURLToPath(import.meta.url));
  return (await import('dockerode')).default;
}
