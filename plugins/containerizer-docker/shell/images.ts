import type { ImageInspectInfo } from 'dockerode';
import { launchFailed } from '../core/failures.js';
import { jsonLines, reasonOf, statusOf, type Engine } from './engine.js';

/** Brings images to the machine. The same image is pulled once at a time, however many containers wait for it. */
export class Images {
  private readonly pulls = new Map<string, Promise<void>>();

  constructor(
    private readonly engine: Engine,
    private readonly pullTimeoutMs: number,
  ) {}

  async ensure(image: string, force: boolean): Promise<ImageInspectInfo> {
    const present = force ? undefined : await this.inspect(image);
    if (present !== undefined) return present;
    await this.pull(image);
    const pulled = await this.inspect(image);
    if (pulled === undefined) throw launchFailed(`image ${image} was pulled and is not there`, 'environment');
    return pulled;
  }

  private async inspect(image: string): Promise<ImageInspectInfo | undefined> {
    try {
      return await this.engine.calls.getImage(image).inspect();
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  private pull(image: string): Promise<void> {
    const running = this.pulls.get(image);
    if (running !== undefined) return running;
    const pull = this.pullNow(image).finally(() => this.pulls.delete(image));
    this.pulls.set(image, pull);
    return pull;
  }

  private async pullNow(image: string): Promise<void> {
    const abortSignal = AbortSignal.timeout(this.pullTimeoutMs);
    try {
      const stream = (await this.engine.streams.pull(image, { abortSignal })) as NodeJS.ReadableStream;
      for await (const { error } of jsonLines(stream)) if (typeof error === 'string') throw new Error(error);
    } catch (error) {
      throw pullFailed(image, error, abortSignal.aborted ? this.pullTimeoutMs : undefined);
    }
  }
}

function pullFailed(image: string, error: unknown, timeoutMs: number | undefined) {
  const cause = { cause: error, retryable: true };
  if (timeoutMs !== undefined)
    return launchFailed(`image ${image} was not pulled within ${timeoutMs} ms`, 'environment', cause);
  return launchFailed(`image ${image} cannot be pulled: ${reasonOf(error)}`, 'user', {
    ...cause,
    next: 'check its name, and that the agents reach its registry and may read from it',
  });
}
