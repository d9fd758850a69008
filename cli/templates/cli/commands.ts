import { defineCommand, type PluginCommandModule } from '@mezzo/sdk/points/command';

interface Agent {
  readonly hostname: string;
  readonly resources: { readonly cpus: number; readonly mem: number };
  readonly used_resources: { readonly cpus: number; readonly mem: number };
}

const free = defineCommand({
  description: 'Show what agents have left',
  args: { host: { description: 'only agents whose host name holds this' } },
  flags: { cpus: { type: 'integer', char: 'c', description: 'only with so many CPUs left', default: 0, min: 0 } },
  async run({ args, flags, cluster, table }) {
    // Whatever the router of the cluster serves, with the caller's token.
    const { slaves } = await cluster.json<{ slaves: Agent[] }>('/mesos/slaves');
    const rows = slaves
      .filter(({ hostname }) => hostname.includes(args.host ?? ''))
      .map(({ hostname, resources, used_resources: used }) => ({
        host: hostname,
        cpus: resources.cpus - used.cpus,
        mem: resources.mem - used.mem,
      }))
      .filter(({ cpus }) => cpus >= flags.cpus);
    table(rows, { host: 'HOST', cpus: 'CPUS', mem: 'MEM' }, 'no such agents');
    // What --json prints.
    return rows;
  },
});

export default { '__ID__ free': free } satisfies PluginCommandModule;
