import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';

const SWITCH = 'switch0';
/** Small enough to be filled at once, large enough for plugins, logs and sandboxes. */
const DISK_MIB = 96;

/** Why there can be no hosts here; undefined when there can. */
export function hostsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const tool of ['ip', 'iptables', 'nsenter'])
    if (spawnSync(tool, ['-V']).status !== 0) return `no ${tool}: apt-get install iproute2 iptables util-linux`;
  const probe = `mzp${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', probe]).status === 0;
  spawnSync('ip', ['netns', 'del', probe]);
  return made ? undefined : 'no network namespaces here';
}

/**
 * Hosts with a network each: namespaces on one switch. The switch is a namespace too, so that no firewall rule of this machine
 * filters what they say. We reach them all by the address of the machine on that switch.
 */
export class Hosts {
  private readonly prefix = `mz${process.pid.toString(36)}`;
  private readonly subnet = `10.${200 + (process.pid % 50)}.${(process.pid >> 6) % 256}`;
  private readonly names: string[] = [];
  private readonly disks: string[] = [];

  open(): void {
    this.addNamespace('sw');
    ip('-n', this.namespace('sw'), 'link', 'add', SWITCH, 'type', 'bridge');
    ip('-n', this.namespace('sw'), 'link', 'set', SWITCH, 'up');
    this.plug('host', undefined, 1);
  }

  /** With a disk of its own at `path`. */
  add(name: string, path: string): void {
    this.addNamespace(name);
    this.plug(name, this.namespace(name), 10 + this.names.length);
    mkdirSync(path);
    run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=755`, 'tmpfs', path]);
    this.disks.push(path);
  }

  address(name: string): string {
    return `${this.subnet}.${10 + this.names.indexOf(name) + 1}`;
  }

  /** Never `ip netns exec`: it takes /sys, and the cgroups in it, away. */
  spawn(name: string, argv: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
    return spawn('nsenter', [`--net=/run/netns/${this.namespace(name)}`, ...argv], { stdio: 'ignore', env });
  }

  /** What `from` sends to `to` is lost, without a word. */
  cut(from: string, to: string): void {
    this.firewall(to, '-A', 'INPUT', '-s', this.address(from), '-j', 'DROP');
  }

  /** All cuts are over. */
  mend(): void {
    for (const name of this.names.filter((one) => one !== 'sw')) this.firewall(name, '-F', 'INPUT');
  }

  /** Removes what is there; what failed to be made is no reason to leave the rest. */
  close(): void {
    for (const path of this.disks) spawnSync('umount', ['-l', path]);
    spawnSync('ip', ['link', 'del', `${this.prefix}host`]);
    for (const name of this.names) spawnSync('ip', ['netns', 'del', this.namespace(name)]);
  }

  private namespace(name: string): string {
    return this.prefix + name;
  }

  private addNamespace(name: string): void {
    this.names.push(name);
    ip('netns', 'add', this.namespace(name));
    ip('-n', this.namespace(name), 'link', 'set', 'lo', 'up');
  }

  private plug(name: string, namespace: string | undefined, host: number): void {
    const device = this.prefix + name;
    const at = namespace === undefined ? [] : ['-n', namespace];
    const far = ['peer', 'name', `p${name}`, 'netns', this.namespace('sw')];
    ip(...at, 'link', 'add', device, 'type', 'veth', ...far);
    ip('-n', this.namespace('sw'), 'link', 'set', `p${name}`, 'master', SWITCH, 'up');
    ip(...at, 'address', 'add', `${this.subnet}.${host}/24`, 'dev', device);
    ip(...at, 'link', 'set', device, 'up');
  }

  private firewall(name: string, ...args: string[]): void {
    run('nsenter', [`--net=/run/netns/${this.namespace(name)}`, 'iptables', '-w', ...args]);
  }
}

const ip = (...args: string[]): void => run('ip', args);

export function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
