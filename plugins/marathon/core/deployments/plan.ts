import type { AppDefinition } from '../app.js';
import { isBelow } from '../path-id.js';

export type ActionType = 'StartApplication' | 'StopApplication' | 'ScaleApplication' | 'RestartApplication';

export interface Action {
  readonly action: ActionType;
  readonly app: string;
  done: boolean;
}

/** The definitions of all apps. */
export interface Apps {
  get(id: string): AppDefinition | undefined;
  values(): Iterable<AppDefinition>;
}

/** What a deployment does to one app; versions are those of the definitions before and after. */
export interface Change {
  readonly appId: string;
  readonly from?: string;
  readonly to?: string;
}

export interface Deployment {
  readonly id: string;
  readonly version: string;
  readonly changes: readonly Change[];
  /** Run one after another; the actions of a step run side by side. */
  readonly steps: readonly (readonly Action[])[];
  /** From 0. */
  currentStep: number;
}

export interface AppChange {
  readonly appId: string;
  readonly from: AppDefinition | undefined;
  readonly to: AppDefinition | undefined;
  /** It has instances of an earlier configuration: left by a deployment that was cut short. */
  readonly mixed?: boolean;
}

export const MAX_DEPENDENCY_DEPTH = 100;

/** The steps from one set of definitions to another. `target` is every app as it shall be. */
export function planSteps(changes: readonly AppChange[], target: Apps): Action[][] {
  const of = (action: ActionType, some: readonly AppChange[]) =>
    some.map(({ appId }): Action => ({ action, app: appId, done: false }));
  const removed = changes.filter(({ to }) => to === undefined);
  const added = changes.filter(({ from, to }) => from === undefined && to !== undefined);
  const layers = new Map<number, Action[]>();
  for (const { appId, from, to, mixed = false } of changes) {
    if (to === undefined) continue;
    const depth = dependencyDepth(to, target);
    const action = actionFor(from, to, mixed);
    layers.set(depth, [...(layers.get(depth) ?? []), { action, app: appId, done: false }]);
  }
  const ordered = [...layers].sort(([a], [b]) => a - b).map(([, actions]) => actions);
  const steps = [of('StopApplication', removed), of('StartApplication', added), ...ordered];
  return steps.filter((step) => step.length > 0);
}

function actionFor(from: AppDefinition | undefined, to: AppDefinition, mixed: boolean): ActionType {
  if (from === undefined || to.instances === 0) return 'ScaleApplication';
  const same = from.versionInfo.lastConfigChangeAt === to.versionInfo.lastConfigChangeAt;
  return same && !mixed ? 'ScaleApplication' : 'RestartApplication';
}

/** Apps that `app` waits for: those it names, and those below groups it names. */
export function dependenciesOf(app: AppDefinition, all: Apps): AppDefinition[] {
  if (app.dependencies.length === 0) return [];
  return app.dependencies.flatMap((id) => {
    const named = all.get(id);
    return named ? [named] : [...all.values()].filter((other) => isBelow(other.id, id) && other.id !== app.id);
  });
}

/** Length of the longest chain of dependencies below an app. Infinity when it is a cycle or deeper than the bound. */
export function dependencyDepth(app: AppDefinition, all: Apps): number {
  const known = new Map<string, number>();
  const depthOf = (each: AppDefinition, level: number): number => {
    if (level > MAX_DEPENDENCY_DEPTH) return Infinity;
    const before = known.get(each.id);
    if (before !== undefined) return before;
    known.set(each.id, Infinity);
    const below = dependenciesOf(each, all).map((other) => depthOf(other, level + 1));
    const depth = below.length === 0 ? 0 : 1 + Math.max(...below);
    known.set(each.id, depth);
    return depth;
  };
  return depthOf(app, 0);
}

/** Whether two definitions differ in anything but the number of instances (and the version). */
export function differsInConfig(from: AppDefinition, to: AppDefinition): boolean {
  return configText(from) !== configText(to);
}

function configText(app: AppDefinition): string {
  const { instances: _, version: __, versionInfo: ___, ...config } = app;
  return canonical(config);
}

/** JSON with sorted keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`;
}
