// `causeway hash`: makes the hash of a password for [[relay.users]]. The password comes by standard input, never as an
// argument, which other users of the machine could read.

import { hashPassword } from "../password.ts";
import { defineCommand, UsageError } from "./command.ts";

/** RFC 1929 carries passwords of 1 to 255 bytes. */
const PASSWORD_BYTES_MAX = 255;

export const command = defineCommand({
  name: "hash",
  summary: "Hash a password for a relay's user",
  usage: "[< FILE]",
  details:
    'Asks for the password, or reads one line from a pipe, as in: printf %s "$PASSWORD" | causeway hash',
  options: {},
  async run(_args, io) {
    const password = (await io.readSecret("Password")).replace(/\r?\n$/, "");
    const bytes = new TextEncoder().encode(password).length;
    if (bytes === 0 || bytes > PASSWORD_BYTES_MAX || /[\r\n\0]/.test(password)) {
      throw new UsageError(`Cannot hash the password: expected one line of 1 to ${PASSWORD_BYTES_MAX} bytes`);
    }
    io.out(await hashPassword(password));
    return 0;
  },
});
