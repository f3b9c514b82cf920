// The far end of the relay benchmarks. A client's first line says what to do: "D N" sends N bytes and ends, "U N" reads
// N bytes and answers how many came; it does not wait for the client's end, because some proxies know no half-close.
// Arguments: the port, and the address if it is not 127.0.0.1.

import { createServer, type Socket } from "node:net";

const CHUNK = Buffer.alloc(256 * 1024, "causeway ");

createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.once("data", (first: Buffer) => {
    const lineEnd = first.indexOf(10);
    const [command, count] = first.subarray(0, lineEnd).toString().split(" ");
    if (command === "D") send(socket, Number(count));
    else receive(socket, Number(count), first.length - lineEnd - 1);
  });
}).listen(Number(process.argv[2]), process.argv[3] ?? "127.0.0.1");

function send(socket: Socket, length: number): void {
  let left = length;
  const more = () => {
    while (left > 0) {
      const part = left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
      left -= part.length;
      if (!socket.write(part)) return void socket.once("drain", more);
    }
    socket.end();
  };
  more();
  socket.resume();
}

function receive(socket: Socket, length: number, already: number): void {
  let received = already;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
    if (received >= length) socket.end(String(received));
  });
  socket.on("end", () => socket.end());
}
