// The one program of a guest: keeps the laws and tells each as a line of the console, "law {...}".
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupV2Laws } from './cgroup-v2-laws.js';
import { systemdLaws } from './systemd-laws.js';

const laws = process.env.MEZZO_LAWS === 'systemd' ? systemdLaws() : cgroupV2Laws();

for (const law of laws) {
  if (!law.title.includes(process.env.MEZZO_LAW ?? '')) continue;
  const started = performance.now();
  const late = sleep(law.timeoutMs, undefined, { ref: false }).then(() =>
    Promise.reject(new Error('it took too long')),
  );
  const broken = await Promise.race([law.run(), late]).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.stack : String(error)),
  );
  console.log(`law ${JSON.stringify({ title: law.title, ms: Math.round(performance.now() - started), broken })}`);
}
process.exit(0);
