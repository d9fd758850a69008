import type { Volume } from '@mezzo/sdk/api';
import { launchFailed } from './failures.js';

/** Where a container finds its sandbox. */
export const SANDBOX = '/mnt/mesos/sandbox';

/** A bind as `docker run --volume` takes it, and the driver of its volume, if it names one. */
export interface Bind {
  readonly bind: string;
  readonly driver?: string;
}

/** Relative paths lie in the sandbox, on either side. */
export function volumeBind(volume: Volume, sandbox: string): Bind {
  const target = below(SANDBOX, volume.containerPath);
  const mode = volume.mode === 'RO' ? ':ro' : '';
  const { source, driver } = volumeSource(volume, sandbox);
  for (const path of [source, target])
    if (path?.includes(':')) throw launchFailed(`volume path "${path}" contains a colon`, 'user');
  const bind = source === undefined ? target : `${source}:${target}${mode}`;
  return driver === undefined ? { bind } : { bind, driver };
}

function volumeSource({ hostPath, image, source }: Volume, sandbox: string) {
  if (image !== undefined) throw launchFailed('volumes from images are not supported', 'user');
  if (source === undefined) return { source: hostPath === undefined ? undefined : below(sandbox, hostPath) };
  if (source.type === 'DOCKER_VOLUME' && source.dockerVolume !== undefined) {
    const { name, driver, driverOptions } = source.dockerVolume;
    if ((driverOptions?.parameter ?? []).length > 0)
      throw launchFailed('options of volume drivers are not supported yet', 'user');
    return driver === undefined ? { source: name } : { source: name, driver };
  }
  if (source.type === 'HOST_PATH' && source.hostPath !== undefined)
    return { source: below(sandbox, source.hostPath.path) };
  throw launchFailed(`volumes of type ${source.type} are not supported yet by the docker containerizer`, 'user');
}

function below(base: string, path: string): string {
  if (path.startsWith('/')) return path;
  if (path.split('/').includes('..')) throw launchFailed(`volume path "${path}" leaves the sandbox`, 'user');
  return `${base}/${path}`;
}
