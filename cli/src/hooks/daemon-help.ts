import type { Hook } from '@oclif/core';
import { runDaemon } from '../lib/run-daemon.js';

/** `mezzo master --help` is answered by the daemon, which knows its flags. */
const daemonHelp: Hook<'init'> = async ({ id, argv }) => {
  if ((id === 'master' || id === 'agent') && argv.includes('--help')) process.exit(await runDaemon(id, ['--help']));
};
export default daemonHelp;
