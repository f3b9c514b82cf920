import { describe, expect, it } from "vitest";
import { attributeValue, scanAttributes } from "../../../shared/hls/attributes.ts";

const pairs = (line: string, from = 0) =>
  scanAttributes(line, from).map(({ name, valueStart, valueEnd }) => [
    name,
    line.slice(valueStart, valueEnd),
  ]);

describe("scanAttributes", () => {
  it("reads quoted and bare values", () => {
    expect(pairs('BANDWIDTH=1,CODECS="a,b",RESOLUTION=1x2')).toEqual([
      ["BANDWIDTH", "1"],
      ["CODECS", "a,b"],
      ["RESOLUTION", "1x2"],
    ]);
  });

  it("takes names at list boundaries only", () => {
    expect(pairs('SERVER-URI="a",X-ASSET-URI="b",NOTE="URI=c",URI="d"')).toEqual([
      ["SERVER-URI", "a"],
      ["X-ASSET-URI", "b"],
      ["NOTE", "URI=c"],
      ["URI", "d"],
    ]);
  });

  it("passes over blanks, empty entries and names without a value", () => {
    expect(pairs(' A=1 ,, B , C="x" ,D=')).toEqual([
      ["A", "1"],
      ["C", "x"],
      ["D", ""],
    ]);
  });

  it("ends at a quote that never closes", () => {
    expect(pairs('A=1,URI="never,B=2')).toEqual([["A", "1"]]);
  });

  it("gives offsets into the line", () => {
    const line = '#EXT-X-KEY:METHOD=NONE,URI="u"';
    const [, uri] = scanAttributes(line, 11);
    expect(uri && line.slice(uri.start, uri.end)).toBe('URI="u"');
  });
});

describe("attributeValue", () => {
  it("is undefined for a name that is absent", () => {
    const line = 'X-URI="a"';
    expect(attributeValue(line, scanAttributes(line, 0), "URI")).toBeUndefined();
  });
});
