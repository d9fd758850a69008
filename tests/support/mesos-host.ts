// A process that hosts the mesos containerizer as an agent does, to be killed: launches one shell command and says so.
import { MesosContainerizer } from '../../plugins/containerizer-mesos/shell/mesos-containerizer.js';

const [runtimeDir = '', sandbox = '', owner = '', containerId = '', command = ''] = process.argv.slice(2);
const containerizer = new MesosContainerizer({ runtimeDir, namespaces: true, cgroups: true, cfs: false });
await containerizer.start();
await containerizer.recover(owner, []);
const launched = await containerizer.launch({
  ...{ containerId, owner, sandbox, resources: { cpusMilli: 100, memMib: 64 } },
  command: { shell: true, argv: [command], env: {} },
});
console.log(JSON.stringify(launched));
setInterval(() => {}, 1000);
