import type { VersionInfo } from '@mezzo/sdk/api';
import type { Logger } from '@mezzo/sdk/contract';
import type { Authorizer } from '@mezzo/sdk/points/authorizer';
import type { AgentHost } from '../../shell/agent/agent-host.js';
import type { SandboxGc } from '../../shell/agent/sandbox-gc.js';
import type { Gate } from '../auth/gate.js';
import type { ExecutorHub } from './executor-api.js';
import type { SessionHub } from './sessions.js';
import type { SandboxFiles } from './sandbox-files.js';

/** What the agent's HTTP side knows besides the machine. */
export interface AgentSite {
  readonly host: AgentHost;
  readonly executors: ExecutorHub;
  readonly sessions: SessionHub;
  readonly gc: SandboxGc;
  readonly gate: Gate;
  /** Undefined: everybody may do everything. */
  readonly authorizer: Authorizer | undefined;
  readonly files: SandboxFiles;
  /** Text of every flag, secrets left out. */
  readonly flags: Readonly<Record<string, string>>;
  /** `version` is the Mesos version whose APIs we speak. */
  readonly version: VersionInfo & { readonly mezzo: string };
  readonly log: Logger & { level: string };
  readonly logDir: string | undefined;
  readonly externalLogFile?: string | undefined;
  readonly startedAtMs: number;
  /** Of the last one known. */
  readonly masterHostname: () => string | undefined;
  readonly disabledPaths?: readonly string[] | undefined;
}
