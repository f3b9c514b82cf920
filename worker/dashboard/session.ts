// The page's session at the edge: a cookie that scripts cannot read, got for a one-time code or a token.

/** How a sign-in ended; `message` is for people. */
type SignIn = { ok: true } | { ok: false; message: string };

/** Takes the code of a login link (`#login=CODE`) out of the address, so that history and bookmarks do not keep it. */
export function takeLoginCode(): string | undefined {
  const code = new URLSearchParams(location.hash.slice(1)).get("login");
  if (code === null) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  return code;
}

/** Trades a one-time code or a token for a session. Never throws: an unreachable edge is an answer too. */
export async function signIn(credential: { code: string } | { token: string }): Promise<SignIn> {
  try {
    const response = await fetch("/api/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(credential),
    });
    if (response.ok) return { ok: true };
    if (response.status !== 401)
      return { ok: false, message: `The edge answered ${response.status}. Try again.` };
    return {
      ok: false,
      message:
        "code" in credential
          ? "This login link was used before or has expired. Enter a token, or make a new link."
          : "The edge does not know this token.",
    };
  } catch {
    return { ok: false, message: "The edge could not be reached. Try again." };
  }
}

/** Ends the session; true once the edge has confirmed it. */
export async function signOut(): Promise<boolean> {
  try {
    const response = await fetch("/api/session", { method: "DELETE" });
    return response.ok || response.status === 401;
  } catch {
    return false;
  }
}

/** Whether the session allows to change things. Never throws: who cannot be asked allows nothing. */
export async function mayOperate(): Promise<boolean> {
  try {
    const response = await fetch("/api/session");
    if (!response.ok) return false;
    const session: unknown = await response.json();
    const role = typeof session === "object" && session !== null && "role" in session ? session.role : "";
    return role === "operator" || role === "admin";
  } catch {
    return false;
  }
}
