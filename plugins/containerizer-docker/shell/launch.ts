import type { ContainerCreateOptions, ContainerInspectInfo } from 'dockerode';
import { hasCode } from '@mezzo/sdk/contract';
import type { ContainerNetwork, ContainerSpec } from '@mezzo/sdk/points/containerizer';
import type { Facts } from '../core/checkpoint.js';
import { containerName, createOptions, memLimitMib } from '../core/create-options.js';
import { launchFailed } from '../core/failures.js';
import { reasonOf, statusOf, type Engine } from './engine.js';
import type { Images } from './images.js';

export interface Created {
  readonly facts: Facts;
  /** Starts it; rejects, and removes it, when the engine cannot. */
  start(): Promise<ContainerInspectInfo>;
  discard(): Promise<void>;
}

/** Brings the image and makes the container, which does not run yet. */
export async function createContainer(engine: Engine, images: Images, spec: ContainerSpec): Promise<Created> {
  const options = createOptions(spec);
  const limit = spec.resources.limits?.cpusMilli;
  const memMib = memLimitMib(spec.resources);
  try {
    const image = await images.ensure(options.Image ?? '', spec.container?.docker?.forcePullImage === true);
    const container = await create(engine, options, containerName(spec.owner, spec.containerId));
    const imageSignal = (image.Config as { StopSignal?: string } | undefined)?.StopSignal;
    const discard = () => container.remove({ force: true, v: true }).then(() => {});
    return {
      facts: {
        owner: spec.owner,
        dockerId: container.id,
        sandbox: spec.sandbox,
        stopSignal: options.StopSignal ?? imageSignal ?? 'SIGTERM',
        cpusLimitMilli: typeof limit === 'number' ? limit : spec.resources.cpusMilli,
        ...(memMib !== undefined && { memLimitMib: memMib }),
      },
      discard,
      async start() {
        try {
          await container.start();
          return await container.inspect();
        } catch (error) {
          await discard().catch(() => {});
          throw refused(error);
        }
      },
    };
  } catch (error) {
    throw hasCode(error, 'CONTAINER_LAUNCH_FAILED') ? error : refused(error);
  }
}

/** The client would put all options, environment included, into the request line as well. */
function create(engine: Engine, body: ContainerCreateOptions, name: string) {
  const options = { _query: { name }, _body: body };
  return engine.calls.createContainer(options as unknown as ContainerCreateOptions);
}

function refused(error: unknown) {
  const status = statusOf(error);
  if (status === undefined)
    return launchFailed(`the Docker Engine does not answer: ${reasonOf(error)}`, 'environment', {
      ...{ cause: error, retryable: true },
      next: 'see that the Docker Engine of the agent runs',
    });
  // 4xx: what was asked for is wrong; 500 also stands for ports that are taken.
  return launchFailed(`the Docker Engine refuses: ${reasonOf(error)}`, status < 500 ? 'user' : 'environment', {
    cause: error,
    retryable: status >= 500,
  });
}

/** Addresses of its own; undefined in the host's network. */
export function networkOf({ HostConfig, NetworkSettings }: ContainerInspectInfo): ContainerNetwork | undefined {
  if (HostConfig.NetworkMode === 'host') return undefined;
  const addresses = Object.values(NetworkSettings.Networks).flatMap((network) => [
    network.IPAddress,
    network.GlobalIPv6Address,
  ]);
  return { ipAddresses: addresses.filter((address) => address !== '' && address !== undefined) };
}
