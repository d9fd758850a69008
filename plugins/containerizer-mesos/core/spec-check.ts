import { MezzoError, type Blame } from '@mezzo/sdk/contract';
import type { ContainerSpec } from '@mezzo/sdk/points/containerizer';

const ID = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

/** Refuses what this containerizer cannot do: nothing that a framework asked for is left out in silence. */
export function checkSpec(spec: ContainerSpec): void {
  checkId(spec.containerId, 'container id');
  checkId(spec.owner, 'owner');
  const { shell, argv } = spec.command;
  if (spec.container?.ttyInfo !== undefined && spec.streams === undefined)
    throw launchFailed('tty_info is supported in sessions only', 'user');
  const problem = unsupported(spec.container) ?? (spec.parent === undefined ? undefined : unshared(spec.container));
  if (problem !== undefined) throw launchFailed(`${problem} by the mesos containerizer`, 'user');
  if (shell ? argv.length !== 1 : argv.length === 0)
    throw launchFailed(
      shell ? 'a shell command is exactly one text' : 'a command without an image needs a program',
      'user',
    );
}

export function checkId(id: string, what: string): void {
  if (!ID.test(id)) throw launchFailed(`${what} "${id.slice(0, 150)}" is not of [A-Za-z0-9._-], at most 128`, 'kernel');
}

function unsupported(container: ContainerSpec['container']): string | undefined {
  if (container === undefined) return undefined;
  if (container.type !== 'MESOS') return `containers of type ${container.type} are not run`;
  if (container.mesos?.image !== undefined) return 'images are not supported yet';
  if ((container.volumes ?? []).length > 0) return 'volumes are not supported yet';
  if ((container.networkInfos ?? []).some((network) => network.name !== undefined))
    return "networks other than the host's are not supported yet";
  if (container.linuxInfo !== undefined) return 'linux_info is not supported yet';
  if (container.rlimitInfo !== undefined) return 'rlimit_info is not supported yet';
  return undefined;
}

/** What a container in a container has from its parent. */
function unshared(container: ContainerSpec['container']): string | undefined {
  return container?.hostname === undefined
    ? undefined
    : 'a hostname of its own in a container in a container is not supported';
}

export const launchFailed = (
  message: string,
  blame: Blame,
  more: { next?: string; retryable?: boolean; cause?: unknown } = {},
): MezzoError => new MezzoError('CONTAINER_LAUNCH_FAILED', message, { blame, ...more });
