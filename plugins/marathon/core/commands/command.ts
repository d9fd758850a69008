import type { AppUpdate, GroupUpdate } from '../update.js';

/** Who asked, for api_post_event. */
export interface Origin {
  readonly clientIp: string;
  readonly uri: string;
}

export interface KillOptions {
  /** Also lowers the number of instances wanted. */
  readonly scale: boolean;
  readonly wipe: boolean;
  readonly force: boolean;
}

/** What a user asks for. Types were checked at the border; meaning is checked here. */
export type Command =
  | { readonly kind: 'createApp'; readonly app: AppUpdate; readonly force: boolean; readonly origin?: Origin }
  | {
      readonly kind: 'updateApps';
      readonly updates: readonly AppUpdate[];
      readonly force: boolean;
      /** Absent fields keep their value; otherwise they get the default. */
      readonly partial: boolean;
      /** Unknown ids are an error (PATCH) or created (PUT). */
      readonly mustExist: boolean;
      /** The request named one app: a creation answers 201. */
      readonly single: boolean;
      readonly origin?: Origin;
    }
  | {
      readonly kind: 'putGroup';
      readonly id: string;
      readonly group: GroupUpdate;
      readonly force: boolean;
      /** It must not exist yet. */
      readonly create: boolean;
      readonly dryRun: boolean;
    }
  | { readonly kind: 'removeGroup'; readonly id: string; readonly force: boolean }
  | { readonly kind: 'removeApp'; readonly id: string; readonly force: boolean }
  | { readonly kind: 'restartApp'; readonly id: string; readonly force: boolean }
  /** `id` may end in `/*`: all apps below. */
  | ({ readonly kind: 'killAppTasks'; readonly id: string; readonly host: string | undefined } & KillOptions)
  | ({ readonly kind: 'killTasks'; readonly ids: readonly string[]; readonly single: boolean } & KillOptions)
  | { readonly kind: 'revertDeployment'; readonly id: string }
  | { readonly kind: 'cancelDeployment'; readonly id: string }
  | { readonly kind: 'resetDelay'; readonly id: string };
