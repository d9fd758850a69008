import { MezzoError } from '@mezzo/sdk/contract';

interface More {
  readonly next?: string;
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

export const launchFailed = (message: string, blame: 'user' | 'kernel' | 'environment', more: More = {}): MezzoError =>
  new MezzoError('CONTAINER_LAUNCH_FAILED', message, { blame, ...more });

export const notFound = (containerId: string): MezzoError =>
  new MezzoError('CONTAINER_NOT_FOUND', `container ${containerId} is not known or has ended`, { blame: 'kernel' });
