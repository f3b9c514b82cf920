// One end of a UDPack tunnel as a process of its own, so that tests can kill it: an echo server at a port, or a client that
// keeps a stream open. Tells its parent what it sees.

import { echo, testClient, testServer } from "./udpack.ts";

const [role, port] = process.argv.slice(2);

if (role === "server") {
  const server = await testServer({ port: Number(port) });
  echo(server);
  process.send?.({ port: server.address.port });
} else {
  const client = testClient(Number(port), { persistent: true });
  const stream = client.openStream();
  stream.on("data", () => process.send?.({ answered: true }));
  stream.write("here I am");
}
