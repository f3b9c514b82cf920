// The baseline of `npm run bench:relay`: the least SOCKS5 proxy that Node's `pipe` gives. No users, no policy, no counts.

import { connect, createServer } from "node:net";

createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  client.on("error", () => client.destroy());
  client.once("data", (hello: Buffer) => {
    const request = hello.subarray(3);
    if (request.length >= 10) open(request);
    else client.once("data", open);
    client.write(Buffer.from([5, 0]));
  });
  const open = (request: Buffer) => {
    const target = connect({
      host: request.subarray(4, 8).join("."),
      port: request.readUInt16BE(8),
      allowHalfOpen: true,
      noDelay: true,
    });
    target.on("error", () => client.destroy());
    target.once("connect", () => {
      client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
      client.pipe(target);
      target.pipe(client);
    });
  };
}).listen(Number(process.argv[2]), "127.0.0.1");
