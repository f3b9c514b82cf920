// Every path of the control plane with its methods. A path that exists answers other methods 405 with Allow.

import { activateVersion, readConfig, readVersions, writeConfig } from "./config.ts";
import { closeConnection, connections } from "./connections.ts";
import type { ControlExchange } from "./exchange.ts";
import { health, ready } from "./health.ts";
import { healthChecks } from "./health-checks.ts";
import { imports, refreshImport } from "./imports.ts";
import { proxyStatus, startProxy, stopProxy, testProxy } from "./proxy.ts";
import { purgeCache } from "./purge.ts";
import { connectRelay } from "./relays.ts";
import { endSession, makeLoginCode, readSession, startSession } from "./session.ts";
import { signAddress } from "./sign.ts";
import { metrics, stats, statsSocket } from "./stats.ts";
import { makeTicket } from "./tickets.ts";

export type Handler = (x: ControlExchange) => Response | Promise<Response>;

export const ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  "/health": { GET: health },
  "/ready": { GET: ready },
  "/metrics": { GET: metrics },
  "/api/stats": { GET: stats },
  "/api/stats/ws": { GET: statsSocket },
  "/api/connections": { GET: connections },
  "/api/connections/:id": { DELETE: closeConnection },
  "/api/proxy/status": { GET: proxyStatus },
  "/api/proxy/start": { POST: startProxy },
  "/api/proxy/stop": { POST: stopProxy },
  "/api/proxy/test": { POST: testProxy },
  "/api/health-checks": { GET: healthChecks },
  "/api/cache/purge": { POST: purgeCache },
  "/api/imports": { GET: imports },
  "/api/imports/:name/refresh": { POST: refreshImport },
  "/api/config": { GET: readConfig, PUT: writeConfig },
  "/api/config/versions": { GET: readVersions },
  "/api/config/rollback": { POST: activateVersion },
  "/api/sign": { POST: signAddress },
  "/api/tickets": { POST: makeTicket },
  "/api/session": { GET: readSession, POST: startSession, DELETE: endSession },
  "/api/login-codes": { POST: makeLoginCode },
  "/relay/connect": { GET: connectRelay },
};
