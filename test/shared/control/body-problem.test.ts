import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { bodyProblem } from "../../../shared/control/body-problem.ts";
import { StartSchema, TestSchema } from "../../../shared/control/orders.ts";

describe("bodyProblem", () => {
  it.each([
    [StartSchema, null, "it must be an object"],
    [StartSchema, { proxy_type: "mixed" }, "port is missing"],
    [StartSchema, { port: 1, proxy_type: "mixed", foo: 1 }, "foo is no known key"],
    [StartSchema, { port: "x", proxy_type: "mixed" }, "port must be number"],
    [StartSchema, { port: 70_000, proxy_type: "mixed" }, "port must be <=65535"],
    [TestSchema, { url: "javascript:alert(1)" }, "url must be an http:// or https:// URL"],
  ])("says in people's words what is wrong: %#", (schema, body, told) => {
    const { issues = [] } = v.safeParse(schema, body);
    expect(bodyProblem(issues)).toBe(`Cannot read the request body: ${told}`);
  });
});
