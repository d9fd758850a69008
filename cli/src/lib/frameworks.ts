import { Args } from '@oclif/core';
import { MezzoError } from '@mezzo/sdk/contract';
import type { Cluster } from './cluster.js';

export interface FrameworkSummary {
  readonly id: string;
  readonly name: string;
  readonly roles: string;
  readonly connected: boolean;
}

export const frameworkArg = Args.string({
  required: true,
  description: 'id of the framework, an end of it that is unique, or its name',
});

interface GetFrameworks {
  readonly get_frameworks: {
    readonly frameworks?: readonly {
      readonly framework_info: {
        readonly id: { readonly value: string };
        name: string;
        role?: string;
        roles?: string[];
      };
      readonly connected: boolean;
    }[];
  };
}

export async function listFrameworks(cluster: Cluster): Promise<readonly FrameworkSummary[]> {
  const body = { type: 'GET_FRAMEWORKS' };
  const answer = await cluster.json<GetFrameworks>('/mesos/api/v1', { method: 'POST', body });
  return (answer.get_frameworks.frameworks ?? []).map(({ framework_info: info, connected }) => ({
    id: info.id.value,
    name: info.name,
    roles: (info.roles ?? [info.role ?? '*']).join(','),
    connected,
  }));
}

export async function findFramework(cluster: Cluster, text: string): Promise<FrameworkSummary> {
  const all = await listFrameworks(cluster);
  const found = all.filter(({ id, name }) => id === text || id.endsWith(`-${text}`) || name === text);
  if (found.length === 1) return found[0]!;
  throw new MezzoError(
    found.length === 0 ? 'NO_FRAMEWORK' : 'FRAMEWORK_AMBIGUOUS',
    found.length === 0 ? `no framework is '${text}'` : `'${text}' is ${found.length} frameworks`,
    { blame: 'user', next: 'list them with `mezzo framework list`' },
  );
}
