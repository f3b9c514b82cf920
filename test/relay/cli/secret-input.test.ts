import { PassThrough } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { UsageError } from "../../../relay/cli/command.ts";
import { readSecret } from "../../../relay/cli/secret-input.ts";

/** A terminal or a pipe, and what a person sees of it. */
function open(isTTY: boolean) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const shown: string[] = [];
  const controller = new AbortController();
  const interrupt = vi.fn(() => controller.abort());
  const prompts = { write: (chunk: string) => shown.push(chunk) > 0 };
  const secret = readSecret("Password", { input, prompts, signal: controller.signal, interrupt });
  return { input, shown, secret, interrupt };
}

describe("readSecret", () => {
  it("takes what a pipe brings without any prompt", async () => {
    const { input, shown, secret } = open(false);
    input.end("hunter2\n");
    expect(await secret).toBe("hunter2\n");
    expect(shown).toEqual([]);
  });

  it("asks a person twice and shows nothing of what is typed", async () => {
    const { input, shown, secret } = open(true);
    input.write("hunter3\u007f2\r");
    await vi.waitFor(() => expect(shown).toHaveLength(3));
    input.write("hunter2\r");
    expect(await secret).toBe("hunter2");
    expect(shown).toEqual(["Password: ", "\n", "Password again: ", "\n"]);
  });

  it("refuses two inputs that differ", async () => {
    const { input, shown, secret } = open(true);
    const refused = expect(secret).rejects.toThrow(UsageError);
    input.write("one\r");
    await vi.waitFor(() => expect(shown).toHaveLength(3));
    input.write("two\r");
    await refused;
  });

  it.each([true, false])("ends at once when it is interrupted (terminal: %s)", async (isTTY) => {
    const { input, secret, interrupt } = open(isTTY);
    const ended = expect(secret).rejects.toMatchObject({ name: "AbortError" });
    if (isTTY) input.write("\u0003");
    else interrupt();
    await ended;
    expect(interrupt).toHaveBeenCalledOnce();
  });

  it("ends when the terminal goes away", async () => {
    const { input, secret } = open(true);
    const ended = expect(secret).rejects.toThrow();
    input.end();
    await ended;
  });
});
