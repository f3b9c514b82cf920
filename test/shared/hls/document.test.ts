import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Children } from "../../../shared/hls/children.ts";
import { rewriteDocument } from "../../../shared/hls/document.ts";
import { parseJson, visitJson } from "../../../shared/hls/json.ts";
import { applyReplacement, isPathwayParam, pathwayParam } from "../../../shared/hls/pathway.ts";
import type { DocumentKind } from "../../../shared/hls/tags.ts";
import { fetched, REVERSIBLE, ROOT, sent } from "./reversible.ts";

const BASE = "https://ads.example/lists/one.json?n=1";

function rewriteJson(text: string, kind: DocumentKind): Promise<string | undefined> {
  const scope = {
    base: BASE,
    encoding: "utf-8",
    fragmented: false,
    mirrored: false,
    bound: false,
    hideQuery: true,
  } as const;
  const children = new Children({ ...scope, rest: "b/ID/~.assets", root: ROOT }, REVERSIBLE);
  return rewriteDocument(text, children, {
    kind,
    host: "edge.example",
    sealReplacement: async (replacement) => JSON.stringify(replacement),
  });
}

/** JSON with blanks in any legal place. */
const spaced = fc
  .tuple(fc.json(), fc.constantFrom("", " ", "\n\t"))
  .map(([json, blank]) => blank + json + blank);

describe("visitJson", () => {
  it("finds every value where it stands", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const seen = new Map<string, unknown>();
        visitJson(text, (path, start, end) => {
          seen.set(JSON.stringify(path), JSON.parse(text.slice(start, end)));
        });
        expect(seen.get("[]")).toEqual(JSON.parse(text));
        const walk = (path: (string | number)[], inner: unknown): number => {
          expect(seen.get(JSON.stringify(path))).toEqual(inner);
          if (typeof inner !== "object" || inner === null) return 1;
          const list = Array.isArray(inner);
          const entries = Object.entries(inner).map(([name, one]) => [
            ...path,
            list ? Number(name) : name,
            one,
          ]);
          return entries.reduce((sum, entry) => sum + walk(entry.slice(0, -1) as string[], entry.at(-1)), 1);
        };
        expect(walk([], JSON.parse(text))).toBe(seen.size);
      }),
      { numRuns: 300 },
    );
  });

  it("ends on any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        if (parseJson(text)) visitJson(text, () => undefined);
      }),
    );
  });
});

describe("rewriteDocument", () => {
  it.each(["assets", "steering"] as const)(
    "leaves all JSON without %s byte for byte as it is",
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(spaced, async (text) => {
          expect(await rewriteJson(text, kind)).toBe(text);
        }),
      );
    },
  );

  it("gives nothing for what is no JSON", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
        const isJson = parseJson(text) !== undefined;
        expect((await rewriteJson(text, "assets")) === undefined).toBe(!isJson);
      }),
    );
    for (const text of ["", "<html>", '{"ASSETS":[}', "#EXTM3U"])
      expect(await rewriteJson(text, "assets")).toBeUndefined();
  });

  it("leads from each asset to where the original leads", async () => {
    const uri = fc.oneof(
      fc.webUrl({ withQueryParameters: true }),
      fc.constantFrom("a.m3u8", "../b.m3u8?x=1", "/c", "//d.example/e.m3u8", "https://u:p@f.example/g"),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(uri), fc.boolean(), async (uris, bom) => {
        const text = JSON.stringify({ ASSETS: uris.map((URI) => ({ URI, DURATION: 1 })) }, null, 1);
        const got = (await rewriteJson(bom ? `\ufeff${text}` : text, "assets")) ?? "";
        expect(got.startsWith("\ufeff")).toBe(bom);
        const { ASSETS } = JSON.parse(got.replace("\ufeff", "")) as { ASSETS: { URI: string }[] };
        expect(ASSETS.map(({ URI }) => sent(fetched(URI) ?? ""))).toEqual(
          uris.map((one) => sent(new URL(one, BASE).href)),
        );
      }),
    );
  });

  it("leaves values of other types and places alone", async () => {
    for (const text of [
      '{"ASSETS":{"URI":"/x"}}',
      '{"ASSETS":[{"URI":5},{"URI":null},"URI",{"X":{"URI":"/x"}},{"URI":""}]}',
      '{"URI":"/x","assets":[{"URI":"/x"}]}',
      '{"ASSETS":[{"URI":"skd://key"}]}',
    ])
      expect(await rewriteJson(text, "assets")).toBe(text);
    for (const text of [
      '{"PATHWAY-CLONES":[{"URI-REPLACEMENT":{"HOST":7,"PARAMS":[]}},{"URI-REPLACEMENT":"x"},7]}',
      '{"PATHWAY-CLONES":{"URI-REPLACEMENT":{"HOST":"h"}},"PATHWAY-PRIORITY":["/x"]}',
    ])
      expect(await rewriteJson(text, "steering")).toBe(text);
  });

  it("takes the last of members that stand there twice", async () => {
    const text = '{"PATHWAY-CLONES":[{"ID":"a","URI-REPLACEMENT":{"HOST":"x","HOST":"y"}}]}';
    const got = JSON.parse((await rewriteJson(text, "steering")) ?? "") as object;
    expect(JSON.stringify(got)).toContain('{"HOST":"edge.example","PARAMS":{"_pathway.a":');
    expect(JSON.stringify(got)).toContain('\\"host\\":\\"y\\"');
  });
});

describe("pathway clones", () => {
  it("change host and query as a client would have", () => {
    const url = "https://a.example:8443/v/1.m3u8?x=1&t=0";
    expect(applyReplacement(url, { host: "b.example", params: { t: "a b", n: "&" } })).toBe(
      "https://b.example:8443/v/1.m3u8?x=1&n=%26&t=a%20b",
    );
    expect(applyReplacement(url, { params: {} })).toBe(url);
    expect(applyReplacement("https://a.example/1", { host: "b.example:81", params: {} })).toBe(
      "https://b.example:81/1",
    );
    expect(applyReplacement("nothing", { params: {} })).toBeUndefined();
  });

  it("never throw, whatever a manifest names", () => {
    fc.assert(
      fc.property(fc.string(), fc.dictionary(fc.string(), fc.string()), (host, params) => {
        const url = applyReplacement("https://a.example/v.m3u8", { host, params });
        expect(url).toMatch(/^https:\/\//);
      }),
    );
  });

  it("have a parameter each, which is told from all others", () => {
    expect(pathwayParam("a b")).toBe("_pathway.a%20b");
    expect(isPathwayParam(pathwayParam("a"))).toBe(true);
    expect(isPathwayParam("_pathway")).toBe(false);
  });
});
