import type { RoutedAgent, RoutedTask } from './model.js';

export interface Target {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Put in front of the path; without a slash at the end. */
  readonly basePath: string;
}

/** What the labels of an app say about routing to it. */
export interface AppRules {
  readonly scheme: Target['scheme'];
  readonly portIndex: number;
  /** False: the app wants to see the whole path, `/service/...` and all. */
  readonly rewrite: boolean;
  readonly public: boolean;
}

const RULES_WITHOUT_LABELS: Omit<AppRules, 'public'> = { scheme: 'http', portIndex: 0, rewrite: true };

/** Name under which labels publish a task: `g/a` as `a.g`; undefined when they do not, or are not all there. */
export function publishedName({ labels }: RoutedTask): string | undefined {
  const { DCOS_SERVICE_NAME: name, DCOS_SERVICE_SCHEME: scheme, DCOS_SERVICE_PORT_INDEX: index } = labels;
  if (!name || !scheme || !index) return undefined;
  return reversedName(name.split('/')) || undefined;
}

/** Path segments as the dotted name that tasks have: the last segment first, empty ones left out. */
export const reversedName = (segments: readonly string[]): string => segments.filter(Boolean).reverse().join('.');

export function appRules(task: RoutedTask, labelled: boolean): AppRules {
  const { labels } = task;
  const isPublic = labels['MEZZO_ROUTER_PUBLIC'] === 'true';
  if (!labelled) return { ...RULES_WITHOUT_LABELS, public: isPublic };
  return {
    scheme: labels['DCOS_SERVICE_SCHEME']?.toLowerCase() === 'https' ? 'https' : 'http',
    portIndex: Number(labels['DCOS_SERVICE_PORT_INDEX']),
    rewrite: labels['DCOS_SERVICE_REWRITE_REQUEST_URLS']?.trim().toLowerCase() !== 'false',
    public: isPublic,
  };
}

/** Where a task listens; undefined when it has no such port or its agent is unknown. */
export function targetOf(task: RoutedTask, agent: RoutedAgent | undefined, rules: AppRules): Target | undefined {
  const port = task.ports[rules.portIndex];
  const host = port?.own ? task.ownIp : agent?.host;
  if (port === undefined || host === undefined) return undefined;
  return { scheme: rules.scheme, host, port: port.number, basePath: '' };
}

export interface Instance {
  readonly task: RoutedTask;
  /** The task's own health, else what its framework reports. */
  readonly healthy: boolean | undefined;
  readonly target: Target | undefined;
  readonly rules: AppRules;
}

/** The instances of one app, and whose turn it is. */
export class App {
  readonly instances = new Map<string, Instance>();
  private usable: readonly Instance[] | undefined;
  private turn = 0;

  put(instance: Instance): void {
    this.instances.set(instance.task.key, instance);
    this.usable = undefined;
  }

  remove(key: string): void {
    this.instances.delete(key);
    this.usable = undefined;
  }

  /** All usable instances, another one first each time. */
  next(): Instance[] {
    const usable = (this.usable ??= choose([...this.instances.values()]));
    if (usable.length < 2) return [...usable];
    this.turn = (this.turn + 1) % usable.length;
    return [...usable.slice(this.turn), ...usable.slice(0, this.turn)];
  }

  /** Only when no instance says otherwise: while an app is being closed, it is closed. */
  get public(): boolean {
    for (const { rules } of this.instances.values()) if (!rules.public) return false;
    return this.instances.size > 0;
  }

  /** Why there is nobody to ask, in words for people. */
  get trouble(): string {
    const all = [...this.instances.values()];
    const running = all.filter(({ task }) => task.state === 'TASK_RUNNING');
    if (all.length === 0) return 'it has no instances at present';
    if (running.length === 0) return `none of its ${all.length} instances runs yet`;
    if (running.every(({ healthy }) => healthy === false))
      return `all ${running.length} running instances are unhealthy`;
    return 'no running instance has the port that its labels name';
  }
}

/** Healthy ones; while no health is known, all that run. */
function choose(instances: readonly Instance[]): Instance[] {
  const running = instances.filter(
    ({ task, healthy, target }) => target && task.state === 'TASK_RUNNING' && healthy !== false,
  );
  const known = running.filter(({ healthy }) => healthy === true);
  return known.length > 0 ? known : running;
}
