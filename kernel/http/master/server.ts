import { daemonServer, type DaemonHttp } from '../daemon-server.js';
import { agentApi } from './agent-api.js';
import { backupApi } from './backup.js';
import { legacyRouter } from './legacy.js';
import { operatorApi } from './operator-api.js';
import { schedulerApi } from './scheduler-api.js';
import type { MasterSite } from './site.js';
import { standbyAnswer } from './standby.js';

/** The master's whole HTTP side. */
export const masterHttp = (site: MasterSite): DaemonHttp =>
  daemonServer({
    elsewhere: (request) => standbyAnswer(site, request),
    prefix: /^\/master(?=\/|$)/,
    log: site.log,
    gate: site.gate,
    router: legacyRouter(site),
    disabledPaths: site.disabledPaths,
    direct: (path, request, response) => {
      switch (path) {
        case '/api/v1/scheduler':
          return schedulerApi(site, request, response);
        case '/api/v1':
          return operatorApi(site, request, response);
        case '/agent/v1/subscribe':
          return agentApi(site, 'subscribe', request, response);
        case '/agent/v1/calls':
          return agentApi(site, 'calls', request, response);
        case '/store/v1/backup':
          return backupApi(site, request, response);
        default:
          return undefined;
      }
    },
  });
