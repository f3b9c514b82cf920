import { describe, expect, it } from "vitest";
import {
  commandHelp,
  defineCommand,
  overviewHelp,
  parseCommandArgs,
  UsageError,
} from "../../../relay/cli/command.ts";
import { parsePort } from "../../../relay/cli/port.ts";

const sample = defineCommand({
  name: "sample",
  summary: "Do a sample thing",
  usage: "[options] FILE",
  details: "More about it.",
  positionalsMax: 1,
  options: {
    port: { type: "string", short: "p", value: "PORT", fallback: "80", env: "SAMPLE_PORT", doc: "Where." },
    name: { type: "string", doc: "Who." },
    loud: { type: "boolean", doc: "Say more." },
  },
  run: async () => 0,
});

describe("parseCommandArgs", () => {
  it("takes the option, else the environment, else the fallback", () => {
    const port = (argv: string[], env: Record<string, string>) =>
      parseCommandArgs(sample, argv, env).options.port;
    expect(port(["--port", "1"], { SAMPLE_PORT: "2" })).toBe("1");
    expect(port(["-p1"], { SAMPLE_PORT: "2" })).toBe("1");
    expect(port([], { SAMPLE_PORT: "2" })).toBe("2");
    expect(port([], {})).toBe("80");
  });

  it("takes a value that begins with a dash, as one key in sixty-four does", () => {
    const name = (...argv: string[]) => parseCommandArgs(sample, argv, {}).options.name;
    expect(name("--name", "-Q5xvKc_x")).toBe("-Q5xvKc_x");
    expect(name("--name=--Q5xvKc", "file")).toBe("--Q5xvKc");
    expect(() => name("--name", "--loud")).toThrow(UsageError);
    expect(() => name("--name", "-p")).toThrow(UsageError);
  });

  it("gives false for an absent flag and undefined for an absent value", () => {
    const { options, positionals } = parseCommandArgs(sample, ["file"], {});
    expect(options).toEqual({ port: "80", name: undefined, loud: false });
    expect(positionals).toEqual(["file"]);
  });

  it.each([
    [["--nope"], /--nope/],
    [["--port"], /--port/],
    [["--loud=yes"], /--loud/],
    [["one", "two"], /Unexpected argument "two"/],
  ])("refuses %j", (argv, message) => {
    expect(() => parseCommandArgs(sample, argv, {})).toThrow(UsageError);
    expect(() => parseCommandArgs(sample, argv, {})).toThrow(message);
  });
});

describe("commandHelp", () => {
  it("lists every declared option with its fallback and variable", () => {
    expect(commandHelp(sample)).toBe(
      [
        "Usage: causeway sample [options] FILE",
        "",
        "Do a sample thing.",
        "",
        "More about it.",
        "",
        "Options:",
        "  -p, --port PORT   Where. (default: 80; environment: SAMPLE_PORT)",
        "      --name VALUE  Who.",
        "      --loud        Say more.",
        "  -h, --help        Print this help.",
      ].join("\n"),
    );
  });
});

describe("overviewHelp", () => {
  it("lists every command with its summary", () => {
    expect(overviewHelp([sample])).toContain("\n  sample  Do a sample thing\n");
  });
});

describe("parsePort", () => {
  it("takes 0 to 65535 and nothing else", () => {
    expect([parsePort("--p", "0"), parsePort("--p", "65535")]).toEqual([0, 65_535]);
    for (const text of ["65536", "-1", "8080x", "", "1e3", "100000"]) {
      expect(() => parsePort("--p", text), text).toThrow(/want a port from 0 to 65535/);
    }
  });
});
