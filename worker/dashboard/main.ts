// The dashboard's composition: session, connection, and the parts that show what arrives.

import type { Snapshot, StatsMessage } from "../../shared/flow/snapshot.ts";
import { createChannels } from "./channels.ts";
import { createChart } from "./chart.ts";
import { StatsConnection } from "./connection.ts";
import { createConnections } from "./connections.ts";
import { byId, setText } from "./dom.ts";
import { formatCount } from "./format.ts";
import { showLinkState } from "./link-state.ts";
import { createLogin } from "./login.ts";
import { createRelays } from "./relays.ts";
import { createServices } from "./services.ts";
import { mayOperate, signIn, signOut, takeLoginCode } from "./session.ts";
import { createTotals } from "./totals.ts";
import { createTunnels } from "./tunnels.ts";

/** When the newest snapshot came, in milliseconds by this machine's clock. */
let dataAt: number | undefined;
/** What to tell a reader who turns out to have no session. */
let problem: string | undefined;
/** Whether the session allows to change things. */
let isOperator = false;
/** Made at the first message: the chart needs a visible place to measure. */
let show: ((message: StatsMessage) => void) | undefined;

const connection = new StatsConnection({
  message(message) {
    problem = undefined;
    revealDashboard();
    show ??= createViews();
    show(message);
    if (message.type === "snapshot") dataAt = Date.now();
  },
  state: (state) => showLinkState(state, dataAt),
  unauthorized() {
    // Who was just reading wonders where the page went.
    if (!byId("dashboard").hidden) problem = "Your session has ended. Sign in again.";
    requireSignIn();
  },
});
const showLogin = createLogin(() => connection.start());
const signOutButton = byId("sign-out");

function createViews(): (message: StatsMessage) => void {
  const connections = createConnections(() => isOperator);
  const views = [
    createTotals(),
    createChart(),
    createChannels(),
    createServices(),
    createRelays(),
    createTunnels(),
    showLostSources,
  ];
  return (message) => {
    connections(message);
    if (message.type === "snapshot") for (const view of views) view(message);
  };
}

function showLostSources({ lost_sources }: Snapshot): void {
  const notice = byId("lost-sources");
  notice.hidden = lost_sources === 0;
  const subject = lost_sources === 1 ? "One source" : `${formatCount(lost_sources)} sources`;
  setText(
    notice,
    lost_sources === 0
      ? ""
      : `${subject} fell silent with work open: the last second of each may be missing from the totals.`,
  );
}

function revealDashboard(): void {
  if (byId("dashboard").hidden) void askRole();
  byId("login").hidden = true;
  byId("dashboard").hidden = false;
  signOutButton.hidden = false;
}

async function askRole(): Promise<void> {
  isOperator = await mayOperate();
}

function requireSignIn(): void {
  isOperator = false;
  connection.stop();
  byId("dashboard").hidden = true;
  signOutButton.hidden = true;
  showLinkState("signed_out", undefined);
  showLogin(problem);
  problem = undefined;
}

async function begin(): Promise<void> {
  const code = takeLoginCode();
  if (code !== undefined) {
    const result = await signIn({ code });
    // The browser may have a session all the same, such as from the first use of this very link.
    problem = result.ok ? undefined : result.message;
  }
  connection.start();
}

signOutButton.addEventListener("click", async () => {
  const done = await signOut();
  setText(signOutButton, done ? "Sign out" : "Not signed out: try again");
  if (done) requireSignIn();
});
// A login link opened in a tab that already shows the page changes only the fragment.
window.addEventListener("hashchange", () => {
  if (location.hash.startsWith("#login=")) void begin();
});
void begin();
