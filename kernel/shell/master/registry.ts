import { asId, type AgentId, type FrameworkId, type StoreWrite } from '@mezzo/sdk/contract';
import type { Store } from '@mezzo/sdk/points/store-driver';
import type {
  AgentRecord,
  FrameworkRecord,
  MaintenanceRecord,
  RegistryWrite,
  RoleRecord,
} from '../../core/master/index.js';
import { fromWireJson, toWireJson } from '../wire-json.js';

/** Where the registrar keeps what outlives a master. */
const AGENTS = 'registry/agents/';
const FRAMEWORKS = 'registry/frameworks/';
const ROLES = 'registry/roles/';
const MAINTENANCE = 'registry/maintenance';
const NAME = 'registry/name';

export function storeWrite(write: RegistryWrite): StoreWrite {
  switch (write.op) {
    case 'putAgent':
      return { op: 'put', key: AGENTS + write.id, value: toWireJson(write.record) };
    case 'putFramework':
      return { op: 'put', key: FRAMEWORKS + write.id, value: toWireJson(write.record) };
    case 'deleteAgent':
      return { op: 'delete', key: AGENTS + write.id };
    case 'deleteFramework':
      return { op: 'delete', key: FRAMEWORKS + write.id };
    case 'putRole':
      return { op: 'put', key: ROLES + write.id, value: toWireJson(write.record) };
    case 'deleteRole':
      return { op: 'delete', key: ROLES + write.id };
    case 'putMaintenance':
      return { op: 'put', key: MAINTENANCE, value: toWireJson(write.record) };
    case 'putName':
      return { op: 'put', key: NAME, value: toWireJson(write.record) };
  }
}

export interface Registry {
  /** Undefined: no master has led yet. */
  readonly registry: string | undefined;
  readonly agents: Map<AgentId, AgentRecord>;
  readonly frameworks: Map<FrameworkId, FrameworkRecord>;
  readonly roles: Map<string, RoleRecord>;
  readonly maintenance: MaintenanceRecord | undefined;
}

/** What an earlier master wrote. */
export const readRegistry = (store: Store): Registry => ({
  agents: new Map(entries<AgentRecord>(store, AGENTS).map(([id, record]) => [asId<AgentId>(id), record])),
  frameworks: new Map(
    entries<FrameworkRecord>(store, FRAMEWORKS).map(([id, record]) => [asId<FrameworkId>(id), record]),
  ),
  roles: new Map(entries<RoleRecord>(store, ROLES)),
  maintenance: entries<MaintenanceRecord>(store, MAINTENANCE)[0]?.[1],
  registry: entries<{ name: string }>(store, NAME)[0]?.[1].name,
});

const entries = <T>(store: Store, prefix: string): [string, T][] =>
  store.list(prefix).map(({ key, value }) => [key.slice(prefix.length), fromWireJson(value) as T]);
