import { afterEach, describe, expect, it, vi } from "vitest";
import { importIngressKey, verifyTarget } from "../../../shared/ingress/signature.ts";
import type { Egress } from "../../../worker/directory/egress.ts";
import { fetchViaRelay } from "../../../worker/proxy/via.ts";

const SECRET = "an-ingress-key-of-these-tests";
const TARGET = "http://10.0.0.5:8080/path?query=1";

async function config(): Promise<{ egress: (relay: string) => Egress }> {
  const key = await importIngressKey(SECRET);
  return { egress: () => ({ url: "https://relay.test/", key }) };
}

/** Requests that reached the relay, answered by `reply`. */
function relay(reply: () => Response | Promise<Response>) {
  const requests: { url: string; method: string; headers: Headers }[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    requests.push({ url: String(input), method: init?.method ?? "GET", headers: new Headers(init?.headers) });
    return reply();
  });
  return requests;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("fetchViaRelay", () => {
  it("sends a signed request to the ingress and passes the reply on", async () => {
    const requests = relay(() => new Response("hello", { status: 418 }));
    const headers = { accept: "text/plain", "x-causeway-target": "http://evil.test/" };
    const response = await fetchViaRelay(await config(), "main", TARGET, { method: "PUT", headers }, fetch);
    expect([response.status, await response.text()]).toEqual([418, "hello"]);
    const [request] = requests;
    expect(request).toMatchObject({ url: "https://relay.test/", method: "PUT" });
    expect(request?.headers.get("accept")).toBe("text/plain");
    expect(request?.headers.get("x-causeway-target")).toBe(TARGET);
    const signature = request?.headers.get("x-causeway-signature") ?? "";
    const shown = { method: "PUT", target: TARGET, signature };
    expect(await verifyTarget(await importIngressKey(SECRET), shown, Date.now())).toMatchObject({ ok: true });
  });

  it("goes by the way it is given", async () => {
    const requests = relay(() => new Response("by fetch"));
    const way = async (input: RequestInfo | URL) => new Response(`by another way to ${input}`);
    const response = await fetchViaRelay(await config(), "main", TARGET, {}, way);
    expect(await response.text()).toBe("by another way to https://relay.test/");
    expect(requests).toEqual([]);
  });

  it("signs each attempt anew", async () => {
    const requests = relay(() => new Response(null));
    const known = await config();
    await fetchViaRelay(known, "main", TARGET, {}, fetch);
    await fetchViaRelay(known, "main", TARGET, {}, fetch);
    const signatures = requests.map(({ headers }) => headers.get("x-causeway-signature"));
    expect(signatures[0]).not.toBe(signatures[1]);
  });

  it.each([
    ["connection_refused", "upstream_unreachable"],
    ["name_unknown", "upstream_unreachable"],
    ["dial_timeout", "upstream_timeout"],
    ["target_refused", "relay_refused"],
    ["unauthorized", "relay_refused"],
    ["something new", "relay_refused"],
  ])("answers the relay's refusal %s as %s", async (code, expected) => {
    relay(() => new Response("{}", { status: 502, headers: { "X-Causeway-Relay-Error": code } }));
    await expect(fetchViaRelay(await config(), "main", TARGET, {}, fetch)).rejects.toMatchObject({
      code: expected,
    });
  });

  it("is relay_unreachable when the relay cannot be reached", async () => {
    relay(() => Promise.reject(new TypeError("connection refused")));
    await expect(fetchViaRelay(await config(), "main", TARGET, {}, fetch)).rejects.toMatchObject({
      code: "relay_unreachable",
    });
  });
});
