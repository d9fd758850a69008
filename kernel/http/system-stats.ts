import { cpus, freemem, loadavg, totalmem } from 'node:os';

/** `/system/stats.json` of libprocess. */
export function systemStats(): object {
  const [one, five, fifteen] = loadavg();
  return {
    avg_load_1min: one,
    avg_load_5min: five,
    avg_load_15min: fifteen,
    cpus_total: cpus().length,
    mem_total_bytes: totalmem(),
    mem_free_bytes: freemem(),
  };
}

/** The same under the names of `/metrics/snapshot`. */
export function setSystemMetrics(set: (name: string, value: number) => void): void {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  set('system/cpus_total', cpus().length);
  set('system/load_1min', one);
  set('system/load_5min', five);
  set('system/load_15min', fifteen);
  set('system/mem_free_bytes', freemem());
  set('system/mem_total_bytes', totalmem());
}
