import { daemonServer, type DaemonHttp } from '../daemon-server.js';
import { executorApi } from './executor-api.js';
import { legacyRouter } from './legacy.js';
import { operatorApi } from './operator-api.js';
import type { AgentSite } from './site.js';

/** The agent's whole HTTP side. */
export const agentHttp = (site: AgentSite): DaemonHttp =>
  daemonServer({
    prefix: /^\/slave(\(1\)|%281%29)(?=\/|$)/i,
    log: site.log,
    gate: site.gate,
    router: legacyRouter(site),
    disabledPaths: site.disabledPaths,
    direct: (path, request, response) => {
      if (path === '/api/v1') return operatorApi(site, request, response);
      return path === '/api/v1/executor' ? executorApi(site.host, site.executors, request, response) : undefined;
    },
  });
