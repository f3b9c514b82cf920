// Closing a connection from its row: one button each, which says what became of it.

/** What to tell after an attempt; undefined: it has ended, as its row will show. */
export async function closeConnection(id: string): Promise<string | undefined> {
  try {
    const response = await fetch(`/api/connections/${encodeURIComponent(id)}`, { method: "DELETE" });
    // One that is gone already needs no words either.
    if (response.ok || response.status === 404) return undefined;
    if (response.status === 409) return "This connection cannot be closed from here.";
    if (response.status === 401 || response.status === 403) return "Your session does not allow this.";
    return `The edge answered ${response.status}. Try again.`;
  } catch {
    return "The edge could not be reached. Try again.";
  }
}
