// The sign-in form, shown while there is no session.

import { byId, setText } from "./dom.ts";
import { signIn } from "./session.ts";

/** Wires the form and returns what shows it, with a problem to report if there is one. */
export function createLogin(onSignedIn: () => void): (problem?: string) => void {
  const section = byId("login");
  const token = byId("token") as HTMLInputElement;
  const problem = byId("login-problem");
  const form = byId("login-form") as HTMLFormElement;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    setText(problem, "");
    form.inert = true;
    const result = await signIn({ token: token.value.trim() });
    form.inert = false;
    token.value = "";
    if (result.ok) {
      section.hidden = true;
      onSignedIn();
    } else {
      setText(problem, result.message);
      token.focus();
    }
  });
  return (text = "") => {
    section.hidden = false;
    setText(problem, text);
    token.focus();
  };
}
