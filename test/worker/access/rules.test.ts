import { describe, expect, it } from "vitest";
import { addressRules } from "../../../worker/access/addresses.ts";
import { countryOf, countryRules } from "../../../worker/access/country.ts";
import { expiry } from "../../../worker/access/expiry.ts";
import { serviceOf, setTerms, termsOf } from "../../../worker/access/service.ts";
import { callOf, hostOf, refusal } from "./support.ts";

describe("addressRules", () => {
  it("makes no gate for a host without lists", () => {
    expect(addressRules(hostOf({}))).toBeUndefined();
  });

  it("lets in whom allow names, and turns away whom deny names all the same", async () => {
    const gate = addressRules(hostOf({ allow: ["203.0.113.0/24", "2001:db8::/32"], deny: ["203.0.113.7"] }));
    const codes = ["203.0.113.1", "203.0.113.7", "192.0.2.1", "2001:db8::1", "2001:db9::1"].map(
      async (clientIp) => (await refusal(gate, callOf({ clientIp })))?.code,
    );
    expect(await Promise.all(codes)).toEqual([
      undefined,
      "address_denied",
      "address_denied",
      undefined,
      "address_denied",
    ]);
  });

  it("judges the client's address, not the trusted proxy's that handed it on", async () => {
    const gate = addressRules(hostOf({ deny: ["10.0.0.1"] }));
    const call = callOf({ clientIp: "192.0.2.1", peerIp: "10.0.0.1" });
    expect(await refusal(gate, call)).toBeUndefined();
  });
});

describe("countryRules", () => {
  const cf = (country: string) => ({ colo: "FRA", country });
  const network = { FRONT_SECRET: undefined } as never;

  it("believes cf on Cloudflare's network", async () => {
    const gate = countryRules(hostOf({ allow_countries: ["DE", "FR"] }));
    expect(await refusal(gate, callOf({ cf: cf("DE"), env: network }))).toBeUndefined();
    expect((await refusal(gate, callOf({ cf: cf("US"), env: network })))?.code).toBe("country_denied");
  });

  it("lets an unknown country through a deny list only", async () => {
    expect(await refusal(countryRules(hostOf({ deny_countries: ["DE"] })), callOf())).toBeUndefined();
    const call = callOf();
    expect((await refusal(countryRules(hostOf({ allow_countries: ["DE"] })), call))?.code).toBe(
      "country_denied",
    );
  });

  it("believes neither cf nor a header where no Cloudflare network is in front, unless the front names it", () => {
    const env = { FRONT_SECRET: "secret" };
    const headers = { "x-causeway-front": "secret", "x-causeway-country": "DE" };
    expect(countryOf(callOf({ cf: cf("DE"), env }))).toBe("");
    expect(countryOf(callOf({ headers: { "x-causeway-country": "DE" }, env }))).toBe("");
    expect(countryOf(callOf({ headers, env }))).toBe("DE");
    expect(countryOf(callOf({ headers: { ...headers, "x-causeway-country": "dex" }, env }))).toBe("");
  });

  it("does not take a trusted proxy's country for its client's", () => {
    const call = callOf({ cf: cf("DE"), env: network, clientIp: "192.0.2.1", peerIp: "10.0.0.1" });
    expect(countryOf(call)).toBe("");
  });
});

describe("expiry", () => {
  it("turns everybody away from the first millisecond of the day on", async () => {
    const gate = expiry(hostOf({ expires: "2027-12-31" }));
    const at = Date.UTC(2027, 11, 31);
    expect(await refusal(gate, callOf({ now: at - 1 }))).toBeUndefined();
    expect((await refusal(gate, callOf({ now: at })))?.code).toBe("host_expired");
  });
});

describe("serviceOf", () => {
  it("is the host with its path, and short enough for batches without colliding", () => {
    expect(serviceOf({ host: "a.test", path: "/*" })).toBe("a.test");
    expect(serviceOf({ host: "a.test", path: "/b/*" })).toBe("a.test/b/*");
    const long = (last: string) => serviceOf({ host: "a.test", path: `/${"x".repeat(500)}${last}` });
    expect(long("1")).toHaveLength(200);
    expect(long("1")).not.toBe(long("2"));
  });
});

describe("termsOf", () => {
  it("tells a host's quota and day, for its own kinds of flows, as long as it has them", () => {
    const host = hostOf({ quota: "1GB/day", expires: "2027-12-31" });
    const service = serviceOf(host);
    setTerms(host, 1);
    expect(termsOf(service, "http")).toEqual({
      epoch: 1,
      quota: { limit: 1e9, period: "day" },
      expires_at: Date.UTC(2027, 11, 31),
    });
    expect(termsOf(service, "hls")).toBeUndefined();
    setTerms({ ...host, quota: undefined, expires: undefined }, 2);
    expect(termsOf(service, "ws")).toEqual({ epoch: 2 });
    setTerms(host, 1);
    expect(termsOf(service, "ws")).toEqual({ epoch: 2 });
  });
});
