// `causeway login`: prints a fresh one-time login link, for an operator who has lost the one printed at start-up.

import { createLoginCode, loginLink } from "../serve/control-api.ts";
import { defineCommand } from "./command.ts";
import { ADMIN_TOKEN, adminTokenOf, operatorEnvironment } from "./operator-secrets.ts";
import { EDGE_OPTION, edgeUrl, stateOption } from "./options.ts";

export const command = defineCommand({
  name: "login",
  summary: "Print a login link for the dashboard, good for one use",
  usage: "[options]",
  details: `Needs the edge's ADMIN_TOKEN in ${ADMIN_TOKEN}; for an edge on this machine it is read from the state directory.`,
  options: {
    edge: EDGE_OPTION,
    state: stateOption('State directory of "causeway start".'),
  },
  async run({ options }, io) {
    const edge = edgeUrl(options.edge);
    const env = await operatorEnvironment(edge, options.state, io.env);
    io.out(loginLink(edge, await createLoginCode(edge, adminTokenOf(env))));
    return 0;
  },
});
