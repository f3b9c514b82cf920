// The relay as other programs' own proxy clients see it; skipped where they are not installed.

import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { hashPassword } from "../../relay/password.ts";
import { listenForTest, relayConfig, startRelay } from "./harness.ts";

function isInstalled(...command: string[]): boolean {
  return spawnSync("sh", ["-c", `command -v ${command.join(" && command -v ")}`]).status === 0;
}

async function startAlice(): Promise<ReturnType<typeof startRelay>> {
  const users = [{ name: "alice", password: await hashPassword("secret") }];
  return startRelay({ config: { users }, inbound: { auth: "password" } });
}

describe.skipIf(!isInstalled("proxychains4", "curl"))("proxychains4", () => {
  it.each(["socks4", "socks5", "http"])("leads a program through by %s, names included", async (type) => {
    const origin = await listenForTest(createServer((_, res) => res.end("through")));
    const folder = await mkdtemp(join(tmpdir(), "causeway-chains-"));
    // A name that only the relay knows.
    const hosts_file = join(folder, "hosts");
    await writeFile(hosts_file, "127.0.0.1 far.test\n");
    const running = await startRelay({ config: { dns: { ...relayConfig().dns, hosts_file } } });
    const config = join(folder, "proxychains.conf");
    await writeFile(config, `strict_chain\nproxy_dns\n[ProxyList]\n${type} 127.0.0.1 ${running.port}\n`);
    const args = ["-q", "-f", config, "curl", "-sS", "-m", "10", `http://far.test:${origin}/`];
    const { stdout } = await promisify(execFile)("proxychains4", args);
    expect(stdout).toBe("through");
    const { kind, target } = await running.event("connection_closed");
    expect([kind, target]).toEqual([type === "http" ? "connect" : "socks", `far.test:${origin}`]);
  });

  it("signs in", async () => {
    const origin = await listenForTest(createServer((_, res) => res.end("in")));
    const running = await startAlice();
    const config = join(await mkdtemp(join(tmpdir(), "causeway-chains-")), "proxychains.conf");
    await writeFile(config, `strict_chain\n[ProxyList]\nsocks5 127.0.0.1 ${running.port} alice secret\n`);
    const args = ["-q", "-f", config, "curl", "-sS", "-m", "10", `http://127.0.0.1:${origin}/`];
    expect((await promisify(execFile)("proxychains4", args)).stdout).toBe("in");
    expect((await running.event("connection_closed")).user).toBe("alice");
  });
});

describe.skipIf(!isInstalled("ffmpeg"))("ffmpeg", () => {
  it("reads a file through the HTTP proxy, by ranges", async () => {
    // A second of silence as WAV: a head of 44 bytes and 8,000 samples.
    const wav = Buffer.alloc(44 + 8_000, 0x80);
    wav.write("RIFF", 0);
    wav.writeUInt32LE(wav.length - 8, 4);
    wav.write("WAVEfmt ", 8);
    wav.writeUInt32LE(16, 16);
    wav.writeUInt16LE(1, 20);
    wav.writeUInt16LE(1, 22);
    wav.writeUInt32LE(8_000, 24);
    wav.writeUInt32LE(8_000, 28);
    wav.writeUInt16LE(1, 32);
    wav.writeUInt16LE(8, 34);
    wav.write("data", 36);
    wav.writeUInt32LE(8_000, 40);
    const origin = await listenForTest(
      createServer((req, res) => {
        const [, from = "0"] = /^bytes=(\d+)-/.exec(req.headers.range ?? "") ?? [];
        const body = wav.subarray(Number(from));
        const range = `bytes ${from}-${wav.length - 1}/${wav.length}`;
        res.writeHead(req.headers.range ? 206 : 200, {
          "Content-Length": body.length,
          "Accept-Ranges": "bytes",
          ...(req.headers.range && { "Content-Range": range }),
        });
        res.end(body);
      }),
    );
    const running = await startRelay();
    const { stderr } = await promisify(execFile)("ffmpeg", [
      ...["-hide_banner", "-nostdin", "-http_proxy", `http://127.0.0.1:${running.port}`],
      ...["-i", `http://127.0.0.1:${origin}/silence.wav`, "-f", "null", "-"],
    ]);
    expect(stderr).toMatch(/Duration: 00:00:01\.00/);
    expect(stderr).toMatch(/time=00:00:01\.00/);
    expect(await running.event("connection_closed")).toMatchObject({ client: "127.0.0.1" });
  });
});
