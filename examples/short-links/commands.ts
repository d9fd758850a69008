import { defineCommand, type PluginCommandModule } from '@mezzo/sdk/points/command';
import type { Link } from './links.js';

const list = defineCommand({
  description: 'List the short links',
  async run({ cluster, table }) {
    const { links } = await cluster.json<{ links: Link[] }>('/links');
    table(links, { name: 'NAME', url: 'URL' }, 'no links: make one with `mezzo links add NAME URL`');
    return links;
  },
});

const add = defineCommand({
  description: 'Make a short link',
  args: {
    name: { description: 'small letters, digits and "-"', required: true },
    url: { description: 'where it leads', required: true },
  },
  async run({ args: { name, url }, cluster, log }) {
    await cluster.json(`/links/${encodeURIComponent(name)}`, { method: 'PUT', body: { url } });
    log(`/go/${name} leads to ${url}`);
    return { name, url };
  },
});

export default { 'links list': list, 'links add': add } satisfies PluginCommandModule;
