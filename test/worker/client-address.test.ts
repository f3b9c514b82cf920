// Threat: a client that claims another address, to get past address rules and limits or to blame somebody else.

import { describe, expect, it } from "vitest";
import { clientAddress, networkMark } from "../../worker/client-address.ts";

const SECRET = "front-secret-of-this-test";

function request(headers: Record<string, string>, cf?: { colo: string }): Request {
  return new Request("http://app.test/", { headers, ...(cf && { cf }) } as RequestInit);
}

describe("clientAddress without Cloudflare's network", () => {
  const env = { FRONT_SECRET: SECRET };

  it("is loopback when nobody vouches for another", () => {
    expect(clientAddress(request({}), env)).toBe("127.0.0.1");
  });

  it("believes the peer that presents the secret", () => {
    const headers = { "X-Causeway-Front": SECRET, "X-Causeway-Client": "203.0.113.7" };
    expect(clientAddress(request(headers), env)).toBe("203.0.113.7");
  });

  it.each([
    ["CF-Connecting-IP", { "CF-Connecting-IP": "203.0.113.7" }],
    ["X-Forwarded-For", { "X-Forwarded-For": "203.0.113.7" }],
    ["X-Real-IP", { "X-Real-IP": "203.0.113.7" }],
    ["X-Causeway-Client alone", { "X-Causeway-Client": "203.0.113.7" }],
    ["a wrong secret", { "X-Causeway-Front": `${SECRET}x`, "X-Causeway-Client": "203.0.113.7" }],
    ["an empty secret", { "X-Causeway-Front": "", "X-Causeway-Client": "203.0.113.7" }],
  ])("does not believe %s", (_, headers) => {
    expect(clientAddress(request(headers as Record<string, string>), env)).toBe("127.0.0.1");
  });

  it("does not believe a cf object either: on the direct socket any client can make one up", () => {
    const forged = request({ "CF-Connecting-IP": "203.0.113.7" }, { colo: "AMS" });
    expect(clientAddress(forged, env)).toBe("127.0.0.1");
    expect(networkMark(forged, env)).toBeUndefined();
  });

  it("lets an empty secret vouch for nobody", () => {
    const headers = { "X-Causeway-Front": "", "X-Causeway-Client": "203.0.113.7" };
    expect(clientAddress(request(headers), { FRONT_SECRET: "" })).toBe("127.0.0.1");
  });

  it("takes no text that is not one address", () => {
    for (const text of ["", "localhost", "203.0.113.7, 10.0.0.1", "203.0.113.7:80", "<script>"]) {
      const headers = { "X-Causeway-Front": SECRET, "X-Causeway-Client": text };
      expect(clientAddress(request(headers), env)).toBe("127.0.0.1");
    }
  });

  it("spells addresses one way", () => {
    const headers = { "X-Causeway-Front": SECRET, "X-Causeway-Client": "2001:DB8:0:0::1" };
    expect(clientAddress(request(headers), env)).toBe("2001:db8::1");
  });
});

describe("clientAddress on Cloudflare's network", () => {
  it("is CF-Connecting-IP", () => {
    const headers = { "CF-Connecting-IP": "203.0.113.7", "X-Causeway-Client": "198.51.100.1" };
    expect(clientAddress(request(headers, { colo: "AMS" }), {})).toBe("203.0.113.7");
  });

  it("is loopback when the request bears no mark of the network", () => {
    expect(clientAddress(request({ "CF-Connecting-IP": "203.0.113.7" }), {})).toBe("127.0.0.1");
  });
});
