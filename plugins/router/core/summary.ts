import type { RouteTable } from './table.js';

const ROWS_MAX = 500;

/** What the start page shows. */
export function summarize(table: RouteTable) {
  const tasks = first(table.tasks.values());
  return {
    ready: table.ready,
    counts: {
      apps: table.plain.size,
      tasks: table.tasks.size,
      agents: table.agents.size,
      frameworks: table.frameworks.size,
    },
    pages: table.claims
      .filter(({ endpoint }) => table.endpoints.has(endpoint))
      .flatMap(({ plugin, pages }) => pages.map(({ title, path }) => ({ title, path, plugin })))
      .slice(0, ROWS_MAX),
    apps: first(table.plain).map(([name, app]) => {
      const running = [...app.instances.values()].filter(({ task }) => task.state === 'TASK_RUNNING');
      const path = name.split('.').reverse().map(encodeURIComponent).join('/');
      return {
        name: `/${name.split('.').reverse().join('/')}`,
        path: `/service/${path}/`,
        instances: app.instances.size,
        running: running.length,
        healthy: running.filter(({ healthy }) => healthy === true).length,
        unhealthy: running.filter(({ healthy }) => healthy === false).length,
        public: app.public,
      };
    }),
    tasks: tasks.map(({ id, name, agentId, state, healthy, ports, frameworkId }) => ({
      id,
      name,
      framework: table.frameworks.get(frameworkId)?.name ?? frameworkId,
      state,
      healthy,
      host: table.agents.get(agentId)?.host,
      ports: ports.map((port) => port.number),
    })),
    agents: first(table.agents.values()),
    frameworks: first(table.frameworks.values()).map(({ id, name, active }) => ({ id, name, active })),
  };
}

export type Summary = ReturnType<typeof summarize>;

function first<T>(items: Iterable<T>): T[] {
  const rows: T[] = [];
  for (const item of items) if (rows.push(item) >= ROWS_MAX) break;
  return rows;
}
