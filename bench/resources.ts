import { Resources } from '../kernel/core/resources/index.js';
import { median, round, type Report } from './row.js';

/** The Resources recipes of Mesos: sums and differences, reservations, many ranges, texts. */
const TIMES = 50_000;
const ROUNDS = 5;

export function run(report: Report): Promise<void> {
  const [node, one] = [Resources.parse('cpus:1;gpus:1;mem:128;disk:256'), Resources.parse('cpus:1;mem:1')];
  const row = (name: string, times: number, work: () => unknown): void => {
    const each = () => (1000 * timed(times, work)) / times;
    work();
    report({ name, value: round(median(Array.from({ length: ROUNDS }, each))), unit: 'us' });
  };
  row('add', TIMES, () => node.add(one));
  row('subtract', TIMES, () => node.subtract(one));
  row('contains', TIMES, () => node.contains(one));
  const reserved = Array.from({ length: 1_000 }, (_, i) => Resources.parse(`cpus(role${i}):1;mem(role${i}):1`));
  const all = reserved.reduce((sum, each) => sum.add(each), Resources.empty);
  row('1,000 reservations: add one', 1_000, () => all.add(reserved[500]!));
  row('1,000 reservations: subtract one', 1_000, () => all.subtract(reserved[500]!));
  row('1,000 reservations: by role', 100, () => all.reservations());
  const ports = Resources.parse(
    `ports:[${Array.from({ length: 8_000 }, (_, i) => `${4 * i}-${4 * i + 1}`).join(',')}]`,
  );
  const part = Resources.parse('ports:[16000-16001]');
  row('8,000 ranges: contains', 100, () => ports.contains(part));
  row('8,000 ranges: subtract', 100, () => ports.subtract(part));
  const text = Array.from({ length: 100 }, (_, i) => `name${i}:1`).join(';');
  row('parse 100 resources', 100, () => Resources.parse(text));
  return Promise.resolve();
}

function timed(times: number, work: () => unknown): number {
  const start = performance.now();
  for (let i = 0; i < times; i++) work();
  return performance.now() - start;
}
