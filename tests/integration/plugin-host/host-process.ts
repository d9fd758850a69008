import { PluginHost } from '../../../kernel/plugin-host/index.js';
import { hostOptions, MapStore } from './support.js';

// A daemon that is nothing but a plugin host: says all that it knows on stdout, again and again.
const [workDir, registryDir, config] = process.argv.slice(2) as [string, string, string];
const options = {
  ...hostOptions(workDir, registryDir, new MapStore()),
  config: JSON.parse(config) as Record<string, unknown>,
};
const host = await PluginHost.start({ ...options, supervision: { stopGraceMs: 3_000 } });
await host.setLeading(true);
process.on('SIGTERM', () => void host.shutdown({ keepPlugins: true }).then(() => process.exit(0)));
setInterval(() => console.log(JSON.stringify({ plugins: host.statuses(), endpoints: host.endpoints() })), 25);
