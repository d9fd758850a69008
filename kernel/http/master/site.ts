import type { MasterInfo, VersionInfo } from '@mezzo/sdk/api';
import type { Logger } from '@mezzo/sdk/contract';
import type { MasterShell } from '../../shell/master/master-shell.js';
import type { Gate } from '../auth/gate.js';
import type { RateLimiter } from '../auth/rate-limits.js';
import type { TokenReader } from '../auth/tokens.js';
import type { FileTree } from '../files.js';
import type { Written } from '../written.js';
import type { StandbyCopies } from './standby-copies.js';

/** What the master's HTTP side knows besides the machine. */
export interface MasterSite {
  readonly shell: MasterShell;
  readonly startedAtMs: number;
  /** Who leads, as far as this master knows. */
  readonly leader: () => MasterInfo | undefined;
  /** What it passes on while it does not lead. */
  readonly copies: StandbyCopies;
  readonly clusterKey: Uint8Array;
  readonly agentTokens: TokenReader;
  readonly gate: Gate;
  readonly limiter: RateLimiter | undefined;
  readonly clusterName: string | undefined;
  /** Text of every flag, secrets left out. */
  readonly flags: Readonly<Record<string, string>>;
  /** `version` is the Mesos version whose APIs we speak. */
  readonly version: VersionInfo & { readonly mezzo: string };
  readonly files: FileTree;
  readonly written: Written;
  readonly log: Logger & { level: string };
  readonly logDir: string | undefined;
  readonly externalLogFile: string | undefined;
  readonly disabledPaths?: readonly string[] | undefined;
}
