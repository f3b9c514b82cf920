// `causeway sign`: prints a signed address of a channel with access = "token". The edge signs, so that no signing key need
// be on this machine.

import { createSignedAddress } from "../serve/control-api.ts";
import { defineCommand, UsageError } from "./command.ts";
import { ADMIN_TOKEN, adminTokenOf, operatorEnvironment } from "./operator-secrets.ts";
import { EDGE_OPTION, edgeUrl, stateOption } from "./options.ts";

export const command = defineCommand({
  name: "sign",
  summary: "Print a signed address of a channel",
  usage: "[options] CHANNEL",
  details: [
    'For channels with access = "token". The expiry limits when watching may begin; who watches goes on.',
    `Needs the edge's ADMIN_TOKEN, or an operator's token, in ${ADMIN_TOKEN}; for an edge on this machine it is`,
    "read from the state directory. To end an address before its time, give it a --viewer and take that viewer",
    "out of the configuration.",
  ].join("\n"),
  positionalsMax: 1,
  options: {
    expires: {
      type: "string",
      value: "TIME",
      fallback: "24h",
      doc: "How long watching may begin, from 1s to 366d.",
    },
    viewer: {
      type: "string",
      value: "NAME",
      doc: "The subscriber of [[viewers]] it is for, whose limits hold.",
    },
    ip: {
      type: "string",
      value: "ADDRESS",
      doc: "Only for clients at this IPv4 address, or in the /64 of this IPv6 address.",
    },
    session: {
      type: "string",
      value: "ID",
      doc: "A session's name: one client at a time watches by it, and keeps it past the expiry.",
    },
    connections: { type: "string", value: "N", doc: "How many clients may watch by it at once." },
    host: {
      type: "string",
      value: "URL",
      doc: "Where viewers reach the edge, as in https://tv.example.com; else the first of edge.channel_hosts, or --edge.",
    },
    edge: EDGE_OPTION,
    state: stateOption('State directory of "causeway start".'),
  },
  async run({ options, positionals: [channel] }, io) {
    if (channel === undefined) throw new UsageError("No channel: name one by its id, as in ch_news");
    const edge = edgeUrl(options.edge);
    const connections = numberOf(options.connections);
    const env = await operatorEnvironment(edge, options.state, io.env);
    const { url, expiresAt } = await createSignedAddress(edge, adminTokenOf(env), {
      channel,
      expires: options.expires,
      ...(options.viewer === undefined ? {} : { viewer: options.viewer }),
      ...(options.ip === undefined ? {} : { ip: options.ip }),
      ...(options.session === undefined ? {} : { session: options.session }),
      ...(connections === undefined ? {} : { connections }),
      ...(options.host === undefined ? {} : { host: options.host }),
    });
    io.out(url);
    // Beside the address, so that a script can take it from standard output alone.
    io.err(
      expiresAt === null
        ? "The channel is public: the address never expires"
        : `Watching may begin until ${expiresAt}`,
    );
    return 0;
  },
});

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new UsageError(`Cannot read --connections "${text}": expected a number from 1`);
}
