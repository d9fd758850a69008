import type { CommandInfo, ContainerInfo, Resource, TaskInfo } from '@mezzo/sdk/api';
import type { ContainerExit } from '@mezzo/sdk/points/containerizer';

/** What a container shall be that somebody asks for over the API. */
export interface ContainerAsk {
  readonly command: CommandInfo;
  readonly container?: ContainerInfo;
  /** Of one that stands alone; the others are counted with the outermost one. */
  readonly resources: readonly Resource[];
  readonly limits?: TaskInfo['limits'];
}

/** `path`: the names from the outermost container on. */
export type ContainerCall =
  | {
      readonly type: 'launch';
      readonly path: readonly string[];
      readonly ask: ContainerAsk;
      /** Its input and output are streams, and it ends with the connection that asked for it. */
      readonly session: boolean;
    }
  | { readonly type: 'wait'; readonly path: readonly string[] }
  /** By its number. */
  | { readonly type: 'kill'; readonly path: readonly string[]; readonly signal: number }
  | { readonly type: 'remove'; readonly path: readonly string[] };

export interface ContainerReply {
  readonly status: number;
  readonly text?: string;
  /** Of a session that is up. */
  readonly containerId?: string;
  /** Of a `wait` that succeeded. */
  readonly exit?: ContainerExit;
}
