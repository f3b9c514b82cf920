// Threats: a stranger that poses as a relay, a relay that poses as another, a browser page that opens a relay's link.

import { beforeAll, describe, expect, it } from "vitest";
import {
  ADMIN_TOKEN,
  closeSocket,
  push,
  RELAY_TOKEN,
  send,
  testDocument,
  testEnv,
  upgrade,
  VIEWER_TOKEN,
} from "./support.ts";

beforeAll(async () => {
  await push(await testDocument());
});

describe("/relay/connect", () => {
  it("hands the link to the object under the name that belongs to the token", async () => {
    let seen: Headers | undefined;
    const fetch = async (_: RequestInfo | URL, init?: RequestInit) => {
      seen = new Headers(init?.headers);
      return new Response(null, { status: 101, webSocket: new WebSocketPair()[0] });
    };
    const env = { ...testEnv, RELAYS: { getByName: () => ({ fetch }) } as unknown as typeof testEnv.RELAYS };
    const headers = { Authorization: `Bearer ${RELAY_TOKEN}`, "X-Causeway-Relay": "another", Cookie: "a=b" };
    const response = await send("/relay/connect", upgrade(headers), env);
    expect(response.status).toBe(101);
    expect(seen?.get("x-causeway-relay")).toBe("main");
    expect(seen?.has("authorization")).toBe(false);
    expect(seen?.has("cookie")).toBe(false);
    closeSocket(response);
  });

  it("opens the real object's socket", async () => {
    const response = await send("/relay/connect", upgrade({ Authorization: `Bearer ${RELAY_TOKEN}` }));
    expect(response.status).toBe(101);
    closeSocket(response);
  });

  it.each([
    ["nobody", {}],
    ["the admin", { Authorization: `Bearer ${ADMIN_TOKEN}` }],
    ["a viewer", { Authorization: `Bearer ${VIEWER_TOKEN}` }],
    ["a wrong token", { Authorization: "Bearer wrong-token-wrong-token" }],
  ])("refuses %s", async (_, headers) => {
    expect((await send("/relay/connect", upgrade(headers as Record<string, string>))).status).toBe(401);
  });

  it("refuses a page, even with the token", async () => {
    const headers = { Authorization: `Bearer ${RELAY_TOKEN}`, Origin: "https://evil.test" };
    expect((await send("/relay/connect", upgrade(headers))).status).toBe(403);
  });
});
