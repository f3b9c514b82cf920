// The relay as curl sees it; skipped on machines without curl.

import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { hashPassword } from "../../relay/password.ts";
import { closedPort, listenForTest, startRelay } from "./harness.ts";

const hasCurl = spawnSync("curl", ["--version"]).status === 0;

async function curl(...args: string[]): Promise<{ code: number; out: string }> {
  try {
    const { stdout } = await promisify(execFile)("curl", ["-sS", "-m", "10", "--noproxy", "", ...args]);
    return { code: 0, out: stdout };
  } catch (error) {
    return {
      code: Number((error as { code: unknown }).code),
      out: String((error as { stdout: unknown }).stdout),
    };
  }
}

describe.skipIf(!hasCurl)("curl", () => {
  it.each([
    ["--socks4", "127.0.0.1", ""],
    ["--socks4a", "localhost", ""],
    ["--socks5", "127.0.0.1", ""],
    ["--socks5-hostname", "localhost", ""],
    ["-x", "localhost", "http://"],
    ["-p -x", "localhost", "http://"],
    ["--socks5", "[::1]", ""],
    ["--socks5-hostname", "[::1]", ""],
    ["-p -x", "[::1]", "http://"],
  ])("fetches through %s", async (option, host, scheme) => {
    const body = "0123456789".repeat(10_000);
    const at = host === "[::1]" ? "::1" : "127.0.0.1";
    const origin = await listenForTest(
      createServer((_, res) => res.end(body)),
      at,
    );
    const { port } = await startRelay();
    const result = await curl(
      ...option.split(" "),
      `${scheme}127.0.0.1:${port}`,
      `http://${host}:${origin}/`,
    );
    expect(result).toEqual({ code: 0, out: body });
  });

  it("signs in by SOCKS5 and by Basic", async () => {
    const origin = await listenForTest(createServer((_, res) => res.end("in")));
    const users = [{ name: "alice", password: await hashPassword("s3cret") }];
    const { port } = await startRelay({ config: { users }, inbound: { auth: "password" } });
    const url = `http://127.0.0.1:${origin}/`;
    for (const proxy of ["socks5h", "http"]) {
      expect(await curl("-x", `${proxy}://alice:s3cret@127.0.0.1:${port}`, url)).toEqual({
        code: 0,
        out: "in",
      });
    }
    expect((await curl("-x", `socks5h://alice:wrong@127.0.0.1:${port}`, url)).code).toBe(97);
    expect((await curl("-p", "-x", `http://alice:wrong@127.0.0.1:${port}`, url)).code).toBe(56);
  });

  it("hears of a refused connection", async () => {
    const { port } = await startRelay();
    const url = `http://127.0.0.1:${await closedPort()}/`;
    expect((await curl("--socks5", `127.0.0.1:${port}`, url)).code).toBe(97);
    expect((await curl("-x", `http://127.0.0.1:${port}`, url)).out).toContain("connection_refused");
  });

  it.each(["socks5h", "socks4a", "http"])(
    "uploads, and keeps a connection for several requests (%s)",
    async (scheme) => {
      const origin = await listenForTest(
        createServer(async (req, res) => {
          let bytes = 0;
          for await (const chunk of req) bytes += (chunk as Buffer).length;
          res.end(`${req.method} ${bytes};`);
        }),
      );
      const running = await startRelay();
      const url = `http://127.0.0.1:${origin}/`;
      const file = join(await mkdtemp(join(tmpdir(), "causeway-curl-")), "body");
      await writeFile(file, Buffer.alloc(300_000));
      const proxy = ["-x", `${scheme}://127.0.0.1:${running.port}`];
      const result = await curl(...proxy, "-T", file, url, "--next", ...proxy, "-d", "abc", url);
      expect(result).toEqual({ code: 0, out: "PUT 300000;POST 3;" });
    },
  );

  it("is told apart: no such name, a policy denial, a command that is not offered", async () => {
    const { port } = await startRelay({ inbound: { listen: "127.0.0.1:0" } });
    const url = `http://127.0.0.1:${port}/`;
    expect((await curl("-x", `http://127.0.0.1:${port}`, url)).out).toContain("target_refused");
    const unknown = await curl("-x", `http://127.0.0.1:${port}`, "http://no-such-name.invalid/");
    expect(unknown.out).toMatch(/name_un(known|resolved)/);
    expect((await curl("--socks4", `127.0.0.1:${port}`, url)).code).toBe(97);
  });
});
