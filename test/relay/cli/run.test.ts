import { describe, expect, it } from "vitest";
import type { CommandIo } from "../../../relay/cli/command.ts";
import { COMMANDS, loadAllCommands } from "../../../relay/cli/registry.ts";
import { runCommandLine } from "../../../relay/cli/run.ts";

async function run(...argv: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io: CommandIo = {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    env: {},
    signal: AbortSignal.abort(),
    readSecret: async () => "",
  };
  const code = await runCommandLine(argv, io, "1.2.3");
  return { code, out: out.join("\n"), err: err.join("\n") };
}

describe("runCommandLine", () => {
  it("prints an overview of all commands", async () => {
    for (const argv of [["--help"], ["-h"], ["help"]]) {
      const { code, out } = await run(...argv);
      expect(code).toBe(0);
      for (const name of Object.keys(COMMANDS)) expect(out).toMatch(new RegExp(`^ {2}${name} `, "m"));
    }
  });

  it("prints the overview as an error when no command is named", async () => {
    const { code, out, err } = await run();
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("Usage: causeway COMMAND");
  });

  it("prints every command's help, with all of its options", async () => {
    for (const command of await loadAllCommands()) {
      for (const argv of [
        [command.name, "--help"],
        [command.name, "-h"],
        ["help", command.name],
      ]) {
        const { code, out } = await run(...argv);
        expect(code).toBe(0);
        expect(out).toContain(`Usage: causeway ${command.name}`);
        for (const name of Object.keys(command.options)) expect(out).toContain(`--${name}`);
      }
    }
  });

  it("registers each command under its own name, with documented options", async () => {
    for (const [name, load] of Object.entries(COMMANDS)) {
      const { command } = await load();
      expect(command.name).toBe(name);
      expect(command.summary).not.toMatch(/\.$/);
      for (const { doc } of Object.values(command.options)) expect(doc).toMatch(/\.$/);
    }
  });

  it("prints the version", async () => {
    expect(await run("--version")).toMatchObject({ code: 0, out: "1.2.3" });
    expect(await run("-v")).toMatchObject({ code: 0, out: "1.2.3" });
  });

  it.each([["nonsense"], ["constructor"], ["--nonsense"]])("exits with 2 for %s", async (name) => {
    const { code, err } = await run(name);
    expect(code).toBe(2);
    expect(err).toContain(`"${name}"`);
    expect(err).toContain("start");
  });

  it("exits with 2 for an unknown option and points to the help", async () => {
    const { code, err } = await run("demo", "--nonsense");
    expect(code).toBe(2);
    expect(err).toContain("--nonsense");
    expect(err).toContain('"causeway demo --help"');
  });

  it("exits with 2 for a port that is none", async () => {
    const { code, err } = await run("demo", "--demo-port", "http");
    expect(code).toBe(2);
    expect(err).toContain('Cannot use "http" for --demo-port');
  });

  it("runs a command to its end", async () => {
    const { code, out } = await run("demo", "--demo-port", "0");
    expect(code).toBe(0);
    expect(out).toMatch(/listens on http:\/\/127\.0\.0\.1:\d+$/);
  });
});
